use std::future::{pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use chassis::Config;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{DEADLINE, Service};

async fn answer(service: &Service, path: &str) -> (u16, Value) {
    let response = service.get(path).await;
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn readiness_shows_every_check_with_its_result() {
    let broken = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&broken);
    let service = Service::start(Config::default(), |host| {
        host.readiness("store", || Box::pin(ready(Ok(()))));
        host.readiness("migrations", move || {
            let broken = switch.load(Ordering::Relaxed);
            Box::pin(ready(if broken { Err("version 2 is missing".to_owned()) } else { Ok(()) }))
        });
        Router::new()
    })
    .await;
    let all_well = json!({ "status": "ready", "checks": { "store": "ok", "migrations": "ok" } });
    assert_eq!(answer(&service, "/readyz").await, (200, all_well));
    broken.store(true, Ordering::Relaxed);
    let not_ready = json!({ "status": "not-ready", "checks": { "store": "ok", "migrations": "version 2 is missing" } });
    assert_eq!(answer(&service, "/readyz").await, (503, not_ready));
    assert_eq!(answer(&service, "/livez").await, (200, json!({ "status": "alive" })));
}

#[tokio::test]
async fn a_readiness_check_that_hangs_fails_after_a_second() {
    let service = Service::start(Config::default(), |host| {
        host.readiness("one", || Box::pin(pending()));
        host.readiness("other", || Box::pin(pending()));
        Router::new()
    })
    .await;
    let (status, document) = timeout(Duration::from_millis(1900), answer(&service, "/readyz")).await.unwrap();
    assert_eq!(status, 503);
    assert_eq!(document["checks"], json!({ "one": "no answer within 1 s", "other": "no answer within 1 s" }));
}

#[tokio::test]
async fn a_heartbeat_that_stops_turns_liveness_to_503_and_names_it() {
    let beating = Arc::new(AtomicBool::new(true));
    let switch = Arc::clone(&beating);
    let service = Service::start(Config::default(), |host| {
        let steady = host.heartbeat("steady", Duration::from_hours(1));
        steady.beat();
        let heartbeat = host.heartbeat("loop", Duration::from_secs(1));
        host.spawn("loop", async move {
            loop {
                if switch.load(Ordering::Relaxed) {
                    heartbeat.beat();
                }
                sleep(Duration::from_millis(10)).await;
            }
        });
        Router::new()
    })
    .await;
    sleep(Duration::from_millis(1300)).await;
    assert_eq!(answer(&service, "/livez").await.0, 200);
    beating.store(false, Ordering::Relaxed);
    let stuck = async {
        loop {
            let (status, document) = answer(&service, "/livez").await;
            if status == 503 {
                return document;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let document = timeout(DEADLINE, stuck).await.unwrap();
    assert_eq!(document["status"], "stuck");
    let stale = document["stale"].as_object().unwrap();
    assert_eq!(stale.keys().collect::<Vec<_>>(), ["loop"]);
    assert!(stale["loop"].as_str().unwrap().ends_with("1s are allowed"), "{stale:?}");
}

#[tokio::test]
async fn requests_are_counted_and_timed_by_route_not_by_path() {
    // There is one recorder per process: only this test uses these route names.
    let routes = Router::new().route("/counted/{id}", get("")).route("/counted-broken", get(broken));
    let service = Service::routes(routes).await;
    for path in ["/counted/1", "/counted/2", "/counted/3", "/counted-broken"] {
        service.get(path).await;
    }
    service.get("/counted-nowhere").await;
    service.send(service.client.request("BREW".parse().unwrap(), service.url("/counted/1"))).await;
    let metrics = service.get("/metrics").await.text().await.unwrap();
    for line in [
        r#"http_requests_total{method="GET",route="/counted/{id}",status="200"} 3"#,
        r#"http_requests_total{method="OTHER",route="/counted/{id}",status="405"} 1"#,
        r#"http_requests_total{method="GET",route="/counted-broken",status="500"} 1"#,
        r#"http_request_duration_seconds_bucket{method="GET",route="/counted/{id}",le="+Inf"} 3"#,
    ] {
        assert!(metrics.lines().any(|have| have == line), "{line} is not in\n{metrics}");
    }
    assert!(metrics.contains(r#"http_requests_total{method="GET",route="unmatched",status="404"}"#));
    assert!(!metrics.contains("counted-nowhere"));
}

async fn broken() {
    panic!("as intended")
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_memory_of_the_process_is_among_the_metrics() {
    let service = Service::routes(Router::new()).await;
    let metrics = service.get("/metrics").await.text().await.unwrap();
    let bytes = metrics.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes ")).unwrap();
    assert!(bytes.parse::<f64>().unwrap() > 1_000_000.0, "{bytes}");
}
