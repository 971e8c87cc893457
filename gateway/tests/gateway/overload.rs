//! More requests than a service can handle: accepted ones are answered in time, the others are rejected at once.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use crate::fixture::{Gateway, Service};

/// The time that the service needs per request.
const WORK: Duration = Duration::from_millis(250);
/// The number of requests that it handles at a time.
const AT_A_TIME: usize = 4;
const CLIENTS: usize = 64;
const ROUNDS: usize = 5;

/// A service with limited concurrency: further requests wait.
async fn busy_service() -> Service {
    let places = Arc::new(Semaphore::new(AT_A_TIME));
    let work = async move || {
        let _place = places.acquire().await.unwrap();
        sleep(WORK).await;
    };
    Service::start(Router::new().route("/things", get(work))).await
}

fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

#[tokio::test]
async fn under_overload_accepted_requests_are_fast_and_others_are_rejected_at_once() {
    let gateway = Gateway::to(busy_service().await.address, "[limits]\nin_flight = 4\nshare = \"100%\"\n").await;
    let client = async || {
        let mut answers = Vec::new();
        for _ in 0..ROUNDS {
            let began = Instant::now();
            let status = gateway.get("/things").await.status().as_u16();
            answers.push((status, began.elapsed()));
            sleep(WORK / 5).await;
        }
        answers
    };
    let answers = join_all((0..CLIENTS).map(|_| client())).await.concat();
    let (accepted, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(status, _)| *status == 200);
    assert!(refused.iter().all(|(status, _)| *status == 503), "{refused:?}");
    assert!(refused.len() > accepted.len() && accepted.len() >= AT_A_TIME, "{} accepted", accepted.len());
    let times = |answers: Vec<(u16, Duration)>| answers.into_iter().map(|(_, took)| took).collect();
    let (accepted, refused) = (p99(times(accepted)), p99(times(refused)));
    assert!(accepted < WORK * 2, "accepted requests wait for {accepted:?}, the work is {WORK:?}");
    assert!(refused < WORK / 2, "rejected requests wait for {refused:?}");
}
