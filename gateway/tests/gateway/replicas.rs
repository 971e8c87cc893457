//! A service with several addresses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use serde_json::json;
use tokio::net::TcpListener;

use crate::fixture::{Gateway, Service, assert_problem, json, text, until};

/// An address without a listener.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

async fn named(name: &'static str) -> Service {
    Service::start(Router::new().fallback(any(async move || name))).await
}

async fn gateway(addresses: &[SocketAddr], limits: &str) -> Gateway {
    let addresses: Vec<_> = addresses.iter().map(|address| format!("\"http://{address}\"")).collect();
    let routes = format!(
        "[upstreams]\nthings = [{}]\n\
         [[routes]]\npath = \"/things\"\nupstream = \"things\"\nmethods = [\"GET\", \"POST\"]\ntimeout = \"300ms\"\n\
         [limits]\n{limits}",
        addresses.join(", ")
    );
    Gateway::start(&routes).await
}

async fn send(gateway: &Gateway, method: &str) -> (u16, String) {
    let answer = gateway.send(gateway.request(method, "/things").body(Body::from("x")).unwrap()).await;
    (answer.status().as_u16(), text(answer).await)
}

#[tokio::test]
async fn requests_are_shared_out() {
    let (one, two) = (named("one").await, named("two").await);
    let gateway = gateway(&[one.address, two.address], "").await;
    let mut names = Vec::new();
    for _ in 0..10 {
        names.push(send(&gateway, "POST").await.1);
    }
    assert_eq!(names.iter().filter(|name| *name == "one").count(), 5, "{names:?}");
}

#[tokio::test]
async fn a_replica_that_is_gone_costs_no_request_not_even_a_post() {
    let one = named("one").await;
    let gateway = gateway(&[nobody().await, one.address, nobody().await], "").await;
    for _ in 0..50 {
        assert_eq!(send(&gateway, "POST").await, (200, "one".to_owned()));
    }
}

#[tokio::test]
async fn a_request_that_may_have_been_processed_is_not_sent_to_another_replica() {
    let count = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&count);
    let slow = any(async move || {
        counting.fetch_add(1, Ordering::SeqCst);
        std::future::pending::<()>().await;
    });
    let (one, two) = (
        Service::start(Router::new().fallback(slow.clone())).await,
        Service::start(Router::new().fallback(slow)).await,
    );
    let gateway = gateway(&[one.address, two.address], "").await;
    assert_eq!(send(&gateway, "POST").await.0, 504);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_replica_that_does_not_respond_is_ejected_and_restored() {
    let sick = Arc::new(AtomicBool::new(true));
    let flag = Arc::clone(&sick);
    let first = Service::start(Router::new().fallback(any(async move || {
        if flag.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        "first"
    })));
    let (first, second) = (first.await, named("second").await);
    let gateway = gateway(&[first.address, second.address], "consecutive_failures = 2\nreplica_pause = \"1s\"\n").await;
    let mut late = 0;
    for _ in 0..20 {
        late += usize::from(send(&gateway, "POST").await.0 == 504);
    }
    assert_eq!(late, 2, "after two it is left out");
    assert!(text(gateway.get("/metrics").await).await.contains(r#"gateway_replicas_left_out{upstream="things"} "#));
    sick.store(false, Ordering::SeqCst);
    until("it is taken back", async || send(&gateway, "POST").await == (200, "first".to_owned())).await;
}

#[tokio::test]
async fn with_all_replicas_gone_it_is_503_and_retries_are_limited() {
    let gateway = gateway(&[nobody().await, nobody().await], "retry_budget = 0.0\nretries_per_second = 0\n").await;
    let answer = gateway.get("/things").await;
    assert!(answer.headers().contains_key("retry-after"));
    assert_problem(answer, 503).await;
    let one = named("one").await;
    let limits = "retry_budget = 0.0\nretries_per_second = 0\nreplica_failures = 1000\nconnect_attempts = 1\n";
    let half = self::gateway(&[nobody().await, one.address], limits).await;
    let mut failed = 0;
    for _ in 0..10 {
        failed += usize::from(send(&half, "GET").await.0 == 503);
    }
    assert_eq!(failed, 5, "without a budget nothing is sent again");
}

#[tokio::test]
async fn the_health_of_services_names_each_replica_and_not_its_address() {
    let one = Service::start(Router::new().fallback(any(async || "ready"))).await;
    let gateway = gateway(&[one.address, nobody().await], "").await;
    let overview = json(gateway.get("/healthz/services").await).await;
    assert_eq!(
        overview,
        json!({ "status": "degraded", "services": { "things-1": "ready", "things-2": "unreachable" } })
    );
}
