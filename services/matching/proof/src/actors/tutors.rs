//! Tutors accept listed requests. Readers read lists.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use workload::{Actor, Call};

use super::operations::{ASSIGN_LISTED, READ_LIST, assign};

/// The longest time until a tutor reads the list again.
const POLL_INTERVAL: Duration = Duration::from_millis(600);

/// The oldest requests that a tutor reads: few, so that two tutors sometimes accept the same.
const PAGE: u32 = 50;

/// A tutor makes up for no longer time than this without listed requests.
const BACKLOG: Duration = Duration::from_secs(2);

/// Accepts `rate` visits per second, if there are as many in the list, until the load is over.
pub async fn tutor(mut tutor: Actor, rate: f64) {
    let (mut visits, mut due, mut last) = (JoinSet::new(), 0.0, Instant::now());
    while !tutor.over.is_cancelled() {
        tutor.pause(POLL_INTERVAL).await;
        due = f64::min(due + rate * last.elapsed().as_secs_f64(), 1.0 + rate * BACKLOG.as_secs_f64());
        last = Instant::now();
        let mut ids = listed(&tutor).await;
        tutor.random.shuffle(&mut ids);
        while due >= 1.0 {
            due -= 1.0;
            let Some(id) = ids.pop() else { break };
            // In the background: a slow response does not delay the next poll.
            let visiting = tutor.companion(tutor.number);
            visits.spawn(async move { assign(&visiting, ASSIGN_LISTED, id).await });
        }
        while visits.try_join_next().is_some() {}
    }
    visits.join_all().await;
}

/// The matches of the oldest requests in the list.
async fn listed(tutor: &Actor) -> Vec<i64> {
    let list = tutor.clients.send(Call::get(READ_LIST, format!("/visitReqLists?size={PAGE}"))).await;
    let requests = list.as_ref().and_then(|list| list.body["_embedded"]["visitReqLists"].as_array());
    requests.into_iter().flatten().filter_map(|request| request["matchId"].as_i64()).collect()
}

/// Reads lists, with pauses up to this one, until the load is over.
pub async fn reader(mut reader: Actor, longest_pause: Duration) {
    while !reader.over.is_cancelled() {
        reader.pause(longest_pause).await;
        let list = reader.random.choice(["/matches", "/payments", "/visits", "/visitReqLists", "/myPages"]);
        let size = reader.random.u32(1..=20);
        reader.clients.send(Call::get(READ_LIST, format!("{}?size={size}", list.unwrap_or("/matches")))).await;
    }
}
