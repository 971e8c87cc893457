//! Tutors accept listed requests. Readers read lists.

use std::sync::Arc;
use std::time::Duration;

use chaos::{Clients, Load};
use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};
use tokio_util::task::TaskTracker;

use crate::operations::{ASSIGN_LISTED, READ_LIST, assign, read};

/// How often a tutor reads the list.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// The oldest requests that a tutor reads: few, so that two tutors sometimes accept the same.
const PAGE: u32 = 50;

/// The share of matches that a tutor accepts. The others stay in the list.
const ACCEPTED: f64 = 0.4;

/// The number of tutors.
const TUTORS: u32 = 2;

/// How often a reader reads a list.
const READ_INTERVAL: Duration = Duration::from_millis(100);

/// Tutors accept `ACCEPTED` of the matches, and a reader reads all lists, until the load is over.
pub async fn tutors_and_readers(load: Load) {
    let Load { clients, rate, seed, over } = load;
    let (mut actors, visits) = (JoinSet::new(), TaskTracker::new());
    for number in 1..=TUTORS {
        let random = Rng::with_seed(seed.wrapping_add(number.into()));
        let share = f64::from(rate) * ACCEPTED * POLL_INTERVAL.as_secs_f64() / f64::from(TUTORS);
        let tutor = tutor(Arc::clone(&clients), share, random, visits.clone());
        actors.spawn(over.clone().run_until_cancelled_owned(tutor));
    }
    actors.spawn(over.clone().run_until_cancelled_owned(reader(clients, Rng::with_seed(seed))));
    while actors.join_next().await.is_some() {}
    visits.close();
    visits.wait().await;
}

/// Accepts `share` visits each time that it reads the list.
async fn tutor(clients: Arc<Clients>, share: f64, mut random: Rng, visits: TaskTracker) {
    let mut polls = interval(POLL_INTERVAL);
    let mut due = 0.0;
    loop {
        polls.tick().await;
        due = f64::min(due + share, 4.0 * share);
        let Some(list) = read(&clients, READ_LIST, &format!("/visitReqLists?size={PAGE}")).await else { continue };
        let listed = list.body["_embedded"]["visitReqLists"].as_array();
        let mut ids: Vec<i64> = listed.into_iter().flatten().filter_map(|item| item["matchId"].as_i64()).collect();
        random.shuffle(&mut ids);
        while due >= 1.0 {
            due -= 1.0;
            let Some(id) = ids.pop() else { break };
            // In the background: a slow response does not delay the next poll.
            let clients = Arc::clone(&clients);
            visits.spawn(async move { assign(&clients, ASSIGN_LISTED, id).await });
        }
    }
}

async fn reader(clients: Arc<Clients>, mut random: Rng) {
    loop {
        sleep(READ_INTERVAL).await;
        let lists = ["/matches", "/payments", "/visits", "/visitReqLists", "/myPages"];
        let path = random.choice(lists).unwrap_or("/matches");
        let size = random.u32(1..=20);
        read(&clients, READ_LIST, &format!("{path}?size={size}")).await;
    }
}
