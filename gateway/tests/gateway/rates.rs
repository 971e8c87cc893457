//! Rate limits and size limits of routes.

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use serde_json::json;

use crate::fixture::{Gateway, Service, assert_problem, echo_headers, json};

async fn gateway(more: &str) -> (Service, Gateway) {
    let service = Service::start(Router::new().fallback(echo_headers)).await;
    let routes = format!(
        "[upstreams]\nthings = \"http://{0}\"\n\
         [[routes]]\npath = \"/things\"\nupstream = \"things\"\nmethods = [\"GET\", \"POST\"]\n\
         [[routes]]\npath = \"/others\"\nupstream = \"things\"\nmethods = [\"GET\"]\n\
         [[routes]]\npath = \"/free\"\nupstream = \"things\"\nmethods = [\"GET\"]\nrate = \"none\"\n\
         [[routes]]\npath = \"/rare\"\nupstream = \"things\"\nmethods = [\"GET\", \"POST\"]\nrate = \"1/1h\"\nbody = 10\n{more}",
        service.address
    );
    (service, Gateway::start(&routes).await)
}

async fn from(gateway: &Gateway, client: &str, path: &str) -> Response {
    let request = gateway.request("GET", path).header("x-forwarded-for", client);
    gateway.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_client_that_exceeds_its_rate_gets_retry_after() {
    let (_service, gateway) = gateway("[limits]\nrate = \"3/1h\"\n").await;
    for remaining in [2, 1, 0] {
        let answer = gateway.get("/things").await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["ratelimit-policy"], r#""default";q=3;w=3600"#);
        let stands = answer.headers()["ratelimit"].to_str().unwrap();
        assert!(stands.starts_with(&format!(r#""default";r={remaining};t="#)), "{stands}");
    }
    let answer = gateway.get("/things").await;
    let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1190..=1200).contains(&wait), "{wait}");
    assert!(answer.headers()["ratelimit"].to_str().unwrap().starts_with(r#""default";r=0;"#));
    assert_eq!(assert_problem(answer, 429).await["type"], "urn:flotilla:problem:too-many-requests");
}

#[tokio::test]
async fn routes_count_together_unless_they_have_a_rate_of_their_own() {
    let (_service, gateway) = gateway("[limits]\nrate = \"2/1h\"\n").await;
    let status = async |path: &str| gateway.get(path).await.status().as_u16();
    assert_eq!([status("/things").await, status("/others").await, status("/things").await], [200, 200, 429]);
    assert_eq!([status("/rare").await, status("/rare").await], [200, 429]);
    for _ in 0..20 {
        let answer = gateway.get("/free").await;
        assert!(answer.status() == 200 && !answer.headers().contains_key("ratelimit"));
    }
}

#[tokio::test]
async fn clients_are_counted_apart_behind_a_trusted_proxy_only() {
    let trusted = "[limits]\nrate = \"1/1h\"\n[clients]\ntrusted_proxies = [\"127.0.0.0/8\"]\n";
    let (_service, behind) = gateway(trusted).await;
    let answer = from(&behind, "203.0.113.9, 192.0.2.1", "/things").await;
    assert_eq!(json(answer).await["x-forwarded-for"], json!("192.0.2.1"), "the service is told the same");
    assert_eq!(from(&behind, "192.0.2.2", "/things").await.status(), 200);
    assert_eq!(from(&behind, "203.0.113.8, 192.0.2.1", "/things").await.status(), 429, "a claim makes nobody new");
    let (_service, bare) = gateway("[limits]\nrate = \"1/1h\"\n").await;
    assert_eq!(from(&bare, "192.0.2.1", "/things").await.status(), 200);
    assert_eq!(from(&bare, "192.0.2.2", "/things").await.status(), 429);
}

#[tokio::test]
async fn a_route_may_have_lower_limits() {
    let (_service, gateway) = gateway("").await;
    let post = async |path: &str| {
        let request = gateway.request("POST", path).body(Body::from("x".repeat(11))).unwrap();
        gateway.send(request).await
    };
    assert_eq!(post("/things").await.status(), 200);
    let problem = assert_problem(post("/rare").await, 413).await;
    assert_eq!(problem["detail"], "a body may have 10 bytes");
}

#[tokio::test]
async fn a_route_may_accept_smaller_headers_than_the_process() {
    let (_service, gateway) = gateway("headers = 200\n").await;
    let sent = async |path: &str, bytes: usize| {
        let request = gateway.request("GET", path).header("x-long", "x".repeat(bytes));
        gateway.send(request.body(Body::empty()).unwrap()).await
    };
    assert_eq!(sent("/rare", 50).await.status(), 200);
    let problem = assert_problem(sent("/rare", 200).await, 431).await;
    assert_eq!(problem["detail"], "headers may have 200 bytes, names and values together");
    assert_eq!(sent("/things", 200).await.status(), 200);
}
