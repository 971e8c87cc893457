//! More requests than a service can handle: the limit is reached, and further requests are rejected before one of them ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::fixture::{Gateway, Service, TIMEOUT, assert_problem, until};

/// The limit of requests in flight.
const IN_FLIGHT: usize = 4;
const REJECTED: usize = 60;

#[tokio::test]
async fn under_overload_accepted_requests_are_answered_and_others_are_rejected_at_once() {
    let (received, permits) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let work = {
        let (received, permits) = (Arc::clone(&received), Arc::clone(&permits));
        async move || {
            received.fetch_add(1, Ordering::SeqCst);
            permits.acquire().await.unwrap().forget();
        }
    };
    let service = Service::start(Router::new().route("/things", get(work))).await;
    let limits = format!("[limits]\nin_flight = {IN_FLIGHT}\nshare = \"100%\"\n");
    let gateway = Gateway::to(service.address, &limits).await;

    let accepted = join_all((0..IN_FLIGHT).map(|_| gateway.get("/things")));
    let others = async {
        until("the limit is reached", async || received.load(Ordering::SeqCst) == IN_FLIGHT).await;
        // The service has not ended any request: a request that waited for a place would wait for ever.
        for response in join_all((0..REJECTED).map(|_| gateway.get("/things"))).await {
            assert!(response.headers().contains_key("retry-after"), "{:?}", response.headers());
            assert_problem(response, 503).await;
        }
        assert_eq!(received.load(Ordering::SeqCst), IN_FLIGHT, "a rejected request does not reach the service");
        permits.add_permits(IN_FLIGHT + 1);
    };
    let (accepted, ()) = timeout(TIMEOUT * 3, async { tokio::join!(accepted, others) }).await.unwrap();
    assert!(accepted.iter().all(|response| response.status() == 200));
    assert_eq!(gateway.get("/things").await.status(), 200, "there is a place again");
}
