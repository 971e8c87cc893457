use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::routing::any;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::fixture::{Gateway, Service, assert_problem, json, text};

/// Responds with the request.
fn echo() -> Router {
    Router::new().fallback(any(async |request: Request| {
        let (head, body) = request.into_parts();
        let mut headers = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in &head.headers {
            headers.entry(name.to_string()).or_default().push(value.to_str().unwrap().to_owned());
        }
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let received = json!({
            "method": head.method.as_str(), "version": format!("{:?}", head.version), "uri": head.uri.to_string(), "headers": headers,
            "body": String::from_utf8_lossy(&body),
        });
        ([("x-from", "service"), ("keep-alive", "timeout=5"), ("location", "/things/5000")], Json(received))
    }))
}

async fn fixture() -> (Service, Gateway) {
    let service = Service::start(echo()).await;
    let gateway = Gateway::to(service.address, "").await;
    (service, gateway)
}

/// The JSON body of a raw response.
fn received(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn method_path_query_and_body_arrive_unchanged() {
    let (_service, gateway) = fixture().await;
    let request = gateway.request("POST", "/things/a%20b;c?cursor=%2Fx&size=2").body(Body::from("hello")).unwrap();
    let response = gateway.send(request).await;
    assert_eq!(response.headers()["location"], "/things/5000");
    assert_eq!(response.headers()["x-from"], "service");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let received = json(response).await;
    assert_eq!(received["method"], "POST");
    assert_eq!(received["uri"], "/things/a%20b;c?cursor=%2Fx&size=2");
    assert_eq!(received["body"], "hello");
    assert_eq!(received["headers"]["content-length"], json!(["5"]));
}

#[tokio::test]
async fn a_request_with_an_alias_is_one_with_the_path_itself() {
    let service = Service::start(echo()).await;
    let routes = Gateway::routes(service.address, "");
    let routes = routes.replacen("path = \"/things\"", "path = \"/things\"\naliases = [\"/Things\"]", 1);
    let gateway = Gateway::start(&routes).await;
    for (asked, expected) in [
        ("/Things", "/things"),
        ("/Things/a%20b?cursor=%2FThings&size=2", "/things/a%20b?cursor=%2FThings&size=2"),
        ("/Things/5/events", "/things/5/events"),
        ("/things/Things", "/things/Things"),
    ] {
        let response = gateway.send(gateway.request("GET", asked).body(Body::empty()).unwrap()).await;
        assert_eq!(json(response).await["uri"], expected, "{asked}");
    }
    // The rules of the longer route hold for the alias, too.
    let response = gateway.send(gateway.request("POST", "/Things/5/events").body(Body::empty()).unwrap()).await;
    assert_eq!(
        (response.status(), response.headers()["allow"].to_str().unwrap()),
        (405.try_into().unwrap(), "GET, OPTIONS")
    );
    let response = gateway.send(gateway.request("GET", "/ThingsX").body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), 404);
}

#[tokio::test]
async fn the_service_gets_the_address_of_the_client_and_the_host() {
    let (service, gateway) = fixture().await;
    let request = gateway.request("GET", "/things").header("x-forwarded-for", "10.9.8.7").header("forwarded", "for=x");
    let received = json(gateway.send(request.body(Body::empty()).unwrap()).await).await;
    let headers = &received["headers"];
    assert_eq!(headers["host"], json!([service.address.to_string()]));
    assert_eq!(headers["x-forwarded-for"], json!(["127.0.0.1"]));
    assert_eq!(headers["x-forwarded-host"], json!([gateway.address.to_string()]));
    assert_eq!(headers["x-forwarded-proto"], json!(["http"]));
    assert_eq!(headers["forwarded"], Value::Null);
}

#[tokio::test]
async fn every_request_begins_a_sampled_trace_and_the_response_has_its_id() {
    let (_service, gateway) = fixture().await;
    let made_up = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let mut seen = Vec::new();
    for _ in 0..2 {
        let request = gateway.request("GET", "/things").header("traceparent", made_up).header("baggage", "a=b");
        let response = gateway.send(request.body(Body::empty()).unwrap()).await;
        let trace_id = response.headers()["x-trace-id"].to_str().unwrap().to_owned();
        let received = json(response).await;
        let traceparent = received["headers"]["traceparent"][0].as_str().unwrap();
        assert!(traceparent.starts_with(&format!("00-{trace_id}-")) && traceparent.ends_with("-01"), "{traceparent}");
        assert_eq!(received["headers"]["baggage"], Value::Null);
        seen.push(trace_id);
    }
    assert_ne!(seen[0], seen[1]);
    assert!(!made_up.contains(&seen[0]));
}

#[tokio::test]
async fn hop_by_hop_headers_are_dropped_in_both_directions() {
    let (_service, gateway) = fixture().await;
    let answer = gateway
        .raw(
            "GET /things HTTP/1.1\r\nHost: shop.example\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\n\
             Upgrade: websocket\r\nX-Kept: 1\r\n\r\n",
        )
        .await;
    let headers = &received(&answer)["headers"];
    for name in ["connection", "x-hop", "te", "upgrade"] {
        assert_eq!(headers[name], Value::Null, "{name}");
    }
    assert_eq!(headers["x-kept"], json!(["1"]));
    assert_eq!(headers["x-forwarded-host"], json!(["shop.example"]));
    assert!(!answer.to_lowercase().contains("keep-alive"), "{answer}");
}

#[tokio::test]
async fn the_host_of_an_absolute_target_counts_and_leads_nowhere_else() {
    let (_service, gateway) = fixture().await;
    let answer =
        gateway.raw("GET http://evil.example/things HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n").await;
    let received = received(&answer);
    assert_eq!(received["uri"], "/things");
    assert_eq!(received["headers"]["x-forwarded-host"], json!(["evil.example"]));
}

#[tokio::test]
async fn two_lengths_that_differ_are_refused() {
    let (_service, gateway) = fixture().await;
    let answer =
        gateway.raw("POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn a_body_with_two_framings_is_framed_anew_and_its_rest_is_no_request() {
    let (_service, gateway) = fixture().await;
    let smuggled = "0\r\n\r\nGET /things/smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    for framing in
        ["Transfer-Encoding: chunked\r\nContent-Length: 6", "Content-Length: 6\r\nTransfer-Encoding: chunked"]
    {
        let answer = gateway
            .raw(&format!(
                "POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{framing}\r\n\r\n{smuggled}"
            ))
            .await;
        assert_eq!(answer.matches("HTTP/1.1 200 ").count(), 1, "{answer}");
        assert!(!answer.contains("smuggled"), "{answer}");
        let headers = &received(&answer)["headers"];
        let framed = [&headers["content-length"], &headers["transfer-encoding"]];
        assert_eq!(framed, [&Value::Null; 2], "an empty body needs neither");
    }
}

#[tokio::test]
async fn the_answer_to_head_has_a_length_and_no_body() {
    let (_service, gateway) = fixture().await;
    let response = gateway.send(gateway.request("HEAD", "/things").body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), 200);
    assert!(response.headers().contains_key("content-length"));
    assert_eq!(text(response).await, "");
}

#[tokio::test]
async fn a_client_of_http_1_0_is_served_over_the_same_connections_as_all() {
    let (_service, gateway) = fixture().await;
    let answer = gateway.raw("GET /things HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
    assert_eq!(received(&answer)["version"], "HTTP/1.1");
}

#[tokio::test]
async fn many_requests_share_one_connection_to_the_service() {
    let (service, gateway) = fixture().await;
    for _ in 0..50 {
        assert!(!text(gateway.get("/things").await).await.is_empty());
    }
    assert_eq!(service.connections(), 1);
}

#[tokio::test]
async fn unused_connections_are_let_go_after_the_idle_time() {
    let service = Service::start(echo()).await;
    let gateway = Gateway::to(service.address, "[limits]\npool_idle_timeout = \"50ms\"\n").await;
    for connections in [1, 2] {
        text(gateway.get("/things").await).await;
        assert_eq!(service.connections(), connections);
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

#[tokio::test]
async fn no_more_unused_connections_are_kept_than_configured() {
    let service = Service::start(echo()).await;
    let gateway = Gateway::to(service.address, "[limits]\npool_max_idle = 0\n").await;
    for connections in [1, 2] {
        text(gateway.get("/things").await).await;
        assert_eq!(service.connections(), connections);
    }
}

#[tokio::test]
async fn paths_without_a_route_are_not_reached() {
    let (service, gateway) = fixture().await;
    for path in ["/", "/approvals", "/approvals/5000", "/thingsX", "/Things", "/metrics/", "/livez/x", "/healthz/x"] {
        assert_problem(gateway.get(path).await, 404).await;
    }
    assert_eq!(service.connections(), 0);
}

#[tokio::test]
async fn ambiguous_paths_are_rejected() {
    let (service, gateway) = fixture().await;
    for path in [
        "/things/../approvals",
        "/things/%2e%2e/approvals",
        "/things//approvals",
        "//things",
        "/things%2f5",
        "/%74hings",
    ] {
        let answer = gateway.raw(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
        assert!(answer.contains("application/problem+json"), "{path}: {answer}");
    }
    assert_eq!(service.connections(), 0);
}

#[tokio::test]
async fn methods_that_a_route_does_not_allow_are_rejected_with_those_it_does() {
    let (service, gateway) = fixture().await;
    for method in ["PUT", "PATCH", "TRACE", "BREW"] {
        let response = gateway.send(gateway.request(method, "/things/5000").body(Body::empty()).unwrap()).await;
        assert_eq!(response.headers()["allow"], "GET, HEAD, POST, DELETE, OPTIONS", "{method}");
        assert_problem(response, 405).await;
    }
    assert_eq!(service.connections(), 0);
}

#[tokio::test]
async fn options_is_answered_without_the_service() {
    let (service, gateway) = fixture().await;
    let response = gateway.send(gateway.request("OPTIONS", "/things").body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["allow"], "GET, HEAD, POST, DELETE, OPTIONS");
    assert_eq!(service.connections(), 0);
}
