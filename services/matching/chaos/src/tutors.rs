//! Tutors, who take requests from the list, and people who only look.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::asked::Asked;
use crate::clients::Clients;

/// How often a tutor looks at the list.
const LOOK: Duration = Duration::from_millis(500);

/// How many of the oldest requests a tutor looks at. Few, so that two tutors sometimes want the same.
const PAGE: u32 = 50;

/// So many of all matches find a tutor. The others wait in the list.
const TAKEN: f64 = 0.4;

/// How many tutors there are.
const TUTORS: u64 = 2;

/// How often somebody looks at something.
const GLANCE: Duration = Duration::from_millis(100);

/// Tutors take `TAKEN` of `rate` matches per second, and others look at all there is, until it is over.
pub async fn come(clients: Arc<Clients>, rate: u32, seed: u64, over: CancellationToken) {
    let (mut people, visits) = (JoinSet::new(), TaskTracker::new());
    for number in 0..TUTORS {
        let random = Rng::with_seed(seed.wrapping_add(number + 1));
        let most = f64::from(rate) * TAKEN * LOOK.as_secs_f64() / 2.0;
        let taking = take(Arc::clone(&clients), most, random, visits.clone());
        people.spawn(over.clone().run_until_cancelled_owned(taking));
    }
    people.spawn(over.clone().run_until_cancelled_owned(look(Arc::clone(&clients), Rng::with_seed(seed))));
    while people.join_next().await.is_some() {}
    visits.close();
    visits.wait().await;
}

async fn take(clients: Arc<Clients>, most: f64, mut random: Rng, visits: TaskTracker) {
    let mut looks = interval(LOOK);
    let mut due = 0.0;
    loop {
        looks.tick().await;
        due = f64::min(due + most, 4.0 * most);
        let Some(list) = clients.read(Asked::List, &format!("/visitReqLists?size={PAGE}")).await else { continue };
        let listed = list.body["_embedded"]["visitReqLists"].as_array();
        let mut ids: Vec<i64> = listed.into_iter().flatten().filter_map(|item| item["matchId"].as_i64()).collect();
        random.shuffle(&mut ids);
        while due >= 1.0 {
            due -= 1.0;
            let Some(id) = ids.pop() else { break };
            // The answer is waited for elsewhere: a tutor who waits does not keep others from looking.
            let clients = Arc::clone(&clients);
            visits.spawn(async move { clients.assign(Asked::Assign, id).await });
        }
    }
}

async fn look(clients: Arc<Clients>, mut random: Rng) {
    loop {
        sleep(GLANCE).await;
        let lists = ["/matches", "/payments", "/visits", "/visitReqLists", "/myPages"];
        let path = random.choice(lists).unwrap_or("/matches");
        let size = random.u32(1..=20);
        clients.read(Asked::List, &format!("{path}?size={size}")).await;
    }
}
