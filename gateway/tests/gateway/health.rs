use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use serde_json::json;
use tokio::net::TcpListener;

use crate::fixture::{Gateway, Service, json, text};

async fn service(ready: StatusCode) -> (Service, Arc<AtomicUsize>) {
    let probes = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&probes);
    let readyz = get(async move |headers: HeaderMap| {
        counted.fetch_add(1, Ordering::SeqCst);
        // A request of HTTP/1.1 without `Host` is invalid.
        if headers.contains_key("host") { ready } else { StatusCode::BAD_REQUEST }
    });
    (Service::start(Router::new().route("/readyz", readyz)).await, probes)
}

fn routes(upstreams: &[(&str, String)]) -> String {
    let route = "[[routes]]\npath = \"/things\"\nupstream = \"good\"\nmethods = [\"GET\"]\n[upstreams]\n".to_owned();
    upstreams.iter().fold(route, |text, (name, at)| text + name + " = \"http://" + at + "\"\n")
}

#[tokio::test]
async fn the_gateway_is_healthy_whatever_its_services_do() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gateway = Gateway::to(nobody, "").await;
    let response = gateway.get("/healthz").await;
    assert_eq!(response.status(), 200);
    assert_eq!(json(response).await, json!({ "status": "up" }));
    assert_eq!(gateway.get("/livez").await.status(), 200);
    assert_eq!(gateway.get("/readyz").await.status(), 200);
}

#[tokio::test]
async fn the_health_of_services_lists_each_and_probes_each_at_most_once_a_second() {
    let (good, probes) = service(StatusCode::OK).await;
    let (bad, _) = service(StatusCode::SERVICE_UNAVAILABLE).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gateway = Gateway::start(&routes(&[
        ("good", good.address.to_string()),
        ("bad", bad.address.to_string()),
        ("silent", silent.local_addr().unwrap().to_string()),
        ("gone", nobody.to_string()),
    ]))
    .await;
    let (one, other) = tokio::join!(gateway.get("/healthz/services"), gateway.get("/healthz/services"));
    assert_eq!((one.status(), other.status()), (StatusCode::OK, StatusCode::OK));
    let services = json!({ "good": "ready", "bad": "not-ready", "silent": "silent", "gone": "unreachable" });
    assert_eq!(json(one).await, json!({ "status": "degraded", "services": services }));
    assert_eq!(json(other).await["status"], "degraded");
    assert_eq!(probes.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_health_of_services_is_up_when_all_are_ready_and_down_when_none_is() {
    for (ready, status, word) in [(StatusCode::OK, 200, "up"), (StatusCode::SERVICE_UNAVAILABLE, 503, "down")] {
        let (good, _) = service(ready).await;
        let gateway = Gateway::start(&routes(&[("good", good.address.to_string())])).await;
        let response = gateway.get("/healthz/services").await;
        assert_eq!(response.status(), status);
        assert_eq!(json(response).await["status"], word);
    }
}

#[tokio::test]
async fn requests_and_the_faults_of_services_are_counted_by_route() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gateway = Gateway::start(&format!(
        "[upstreams]\ncounted = \"http://{nobody}\"\n\
         [[routes]]\npath = \"/counted\"\nupstream = \"counted\"\nmethods = [\"GET\"]\n"
    ))
    .await;
    for _ in 0..2 {
        assert_eq!(gateway.get("/counted/5000").await.status(), 503);
    }
    let metrics = text(gateway.get("/metrics").await).await;
    for line in [
        "gateway_requests_total{route=\"/counted\",method=\"GET\",status=\"503\"} 2",
        "gateway_request_duration_seconds_count{route=\"/counted\"} 2",
        "gateway_upstream_errors_total{route=\"/counted\",kind=\"refused\"} 2",
        "gateway_requests_in_flight{route=\"/counted\"} 0",
    ] {
        assert!(metrics.lines().any(|own| own == line), "{line} is not in\n{metrics}");
    }
}

const CORS: &str = "[cors]\norigins = [\"http://localhost:*\"]\nmethods = [\"GET\", \"POST\"]\n\
                    headers = [\"content-type\"]\nexpose = [\"location\"]\nmax_age = \"60s\"\n";

async fn preflight(gateway: &Gateway, origin: &str) -> axum::response::Response {
    let request = gateway.request("OPTIONS", "/things").header("origin", origin);
    let request = request.header("access-control-request-method", "POST");
    gateway.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_page_of_a_configured_origin_may_send_requests_and_read_errors() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gateway = Gateway::to(nobody, CORS).await;
    let response = preflight(&gateway, "http://localhost:3000").await;
    assert!(response.status().is_success());
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("access-control-allow-origin"), "http://localhost:3000");
    assert_eq!(header("access-control-allow-methods"), "GET,POST");
    assert_eq!(header("access-control-allow-headers"), "content-type");
    assert_eq!(header("access-control-max-age"), "60");
    let request = gateway.request("GET", "/things").header("origin", "http://localhost:3000");
    let response = gateway.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["access-control-allow-origin"], "http://localhost:3000");
    assert_eq!(response.headers()["access-control-expose-headers"], "location");
}

#[tokio::test]
async fn a_route_may_have_cors_of_its_own() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let routes = format!(
        "[upstreams]\nthings = \"http://{nobody}\"\n\
         [[routes]]\npath = \"/things\"\nupstream = \"things\"\nmethods = [\"GET\"]\n\
         [[routes]]\npath = \"/things/*/secrets\"\nupstream = \"things\"\nmethods = [\"GET\"]\n\
         [routes.cors]\norigins = [\"https://vault.example\"]\nmethods = [\"GET\"]\n{CORS}"
    );
    let gateway = Gateway::start(&routes).await;
    for (path, origin, allowed) in [
        ("/things/5/secrets", "https://vault.example", true),
        ("/things/5/secrets", "http://localhost:3000", false),
        ("/things/5", "http://localhost:3000", true),
        ("/things/5", "https://vault.example", false),
    ] {
        let request = gateway.request("GET", path).header("origin", origin);
        let answer = gateway.send(request.body(Body::empty()).unwrap()).await;
        let allow_origin = answer.headers().get("access-control-allow-origin").map(|origin| origin.to_str().unwrap());
        assert_eq!(allow_origin, allowed.then_some(origin), "{path} {origin}");
    }
}

#[tokio::test]
async fn pages_of_other_origins_are_rejected() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (routes, origin) in [(CORS, "https://evil.example"), ("", "http://localhost:3000")] {
        let gateway = Gateway::to(nobody, routes).await;
        let response = preflight(&gateway, origin).await;
        assert!(!response.headers().contains_key("access-control-allow-origin"), "{origin}");
    }
}
