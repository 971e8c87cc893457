//! Requests that foreign web pages can cause, and the hosts that the gateway answers for.

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::any;
use http::header::HOST;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::time::timeout;

use crate::fixture::{Gateway, Service, TIMEOUT, assert_problem, echo_headers, json};
use crate::identity::pass_keys;

/// Content types that a page may send without a preflight, and none.
const UNASKED: [Option<&str>; 6] = [
    None,
    Some("text/plain"),
    Some("Text/Plain; charset=UTF-8"),
    Some("application/x-www-form-urlencoded"),
    Some("multipart/form-data; boundary=x"),
    Some("text/plain, application/json"),
];

const GRPC: &str = "[[routes]]\npath = \"/things.Things\"\nupstream = \"things\"\nmethods = [\"POST\"]\ngrpc = true\n";

async fn service() -> Service {
    Service::start(Router::new().fallback(any(echo_headers))).await
}

/// Without `ALLOWED_HOSTS`.
async fn gateway(service: &Service, more: &str) -> Gateway {
    Gateway::with(&Gateway::routes(service.address, more), chassis::Config::default()).await
}

async fn send(gateway: &Gateway, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = gateway.request(method, path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    gateway.send_as_it_is(request.body(Body::from("{}")).unwrap()).await
}

/// Sends an arbitrary request over HTTP/2.
async fn http2(gateway: &Gateway, uri: &str, host: Option<&str>) -> Response {
    let io = TokioIo::new(gateway.connect().await);
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let mut request = http::Request::get(uri);
    if let Some(host) = host {
        request = request.header(HOST, host);
    }
    let answered = client.send_request(request.body(Body::empty()).unwrap());
    timeout(TIMEOUT, answered).await.unwrap().unwrap().map(Body::new)
}

#[tokio::test]
async fn what_a_form_could_send_changes_nothing() {
    let service = service().await;
    let gateway = gateway(&service, "").await;
    for kind in UNASKED {
        let headers: Vec<_> = kind.map(|kind| ("content-type", kind)).into_iter().collect();
        let answer = send(&gateway, "POST", "/things", &headers).await;
        assert_eq!(answer.headers()["accept-post"], "application/json", "{kind:?}");
        assert!(answer.headers().contains_key("x-trace-id"));
        assert_problem(answer, 415).await;
    }
    assert_eq!(service.connections(), 0);
    assert_eq!(send(&gateway, "POST", "/things", &[("content-type", "application/json")]).await.status(), 200);
    // No form sends DELETE. Safe methods need no content type either, and an unknown path is reported first.
    assert_eq!(send(&gateway, "DELETE", "/things", &[]).await.status(), 200);
    assert_eq!(gateway.get("/things").await.status(), 200);
    assert_problem(send(&gateway, "POST", "/none", &[]).await, 404).await;
    assert_problem(send(&gateway, "PATCH", "/things", &[]).await, 405).await;
}

#[tokio::test]
async fn a_415_to_patch_names_the_accepted_type() {
    let service = service().await;
    let routes = format!(
        "[upstreams]\nthings = \"http://{}\"\n[[routes]]\npath = \"/things\"\nupstream = \"things\"\nmethods = [\"PATCH\"]\n",
        service.address
    );
    let gateway = Gateway::start(&routes).await;
    let answer = send(&gateway, "PATCH", "/things", &[("content-type", "text/plain")]).await;
    assert_eq!(answer.headers()["accept-patch"], "application/json");
    assert_problem(answer, 415).await;
}

#[tokio::test]
async fn a_grpc_route_accepts_grpc_only() {
    let service = service().await;
    let gateway = gateway(&service, GRPC).await;
    let others = ["application/json", "application/grpc-web", "application/grpc-web+proto", "application/grpc+json"];
    for kind in UNASKED.into_iter().chain(others.map(Some)) {
        let headers: Vec<_> = kind.map(|kind| ("content-type", kind)).into_iter().collect();
        let answer = send(&gateway, "POST", "/things.Things/Get", &headers).await;
        assert_eq!(answer.headers()["accept-post"], "application/grpc", "{kind:?}");
        assert_problem(answer, 415).await;
    }
    assert_eq!(service.connections(), 0);
}

#[tokio::test]
async fn a_page_of_another_origin_changes_nothing_unless_cors_lists_it() {
    let service = service().await;
    let cors = "[cors]\norigins = [\"https://shop.example\"]\nmethods = [\"POST\"]\nheaders = [\"content-type\"]\n";
    let gateway = gateway(&service, cors).await;
    let own = format!("http://{}", gateway.address);
    let kind = ("content-type", "application/json");
    for (status, headers) in [
        (403, vec![("origin", "https://evil.example")]),
        (403, vec![("origin", "null")]),
        (403, vec![("origin", "http://127.0.0.1:1")]),
        (403, vec![("sec-fetch-site", "cross-site")]),
        (403, vec![("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:1")]),
        (200, vec![("origin", own.as_str())]),
        (200, vec![("sec-fetch-site", "same-origin"), ("origin", own.as_str())]),
        (200, vec![("sec-fetch-site", "none")]),
        (200, vec![("sec-fetch-site", "cross-site"), ("origin", "https://shop.example")]),
    ] {
        let headers: Vec<_> = headers.into_iter().chain([kind]).collect();
        let answer = send(&gateway, "POST", "/things", &headers).await;
        assert_eq!(answer.status(), status, "{headers:?}");
        if status == 403 {
            assert_problem(answer, 403).await;
            // Safe requests are answered: the page cannot read the response.
            assert_eq!(send(&gateway, "GET", "/things", &headers).await.status(), 200, "{headers:?}");
        }
    }
}

#[tokio::test]
async fn an_unauthenticated_gateway_on_loopback_accepts_loopback_hosts_only() {
    let service = service().await;
    let gateway = gateway(&service, "").await;
    let send = async |method: &str, path: &str, host: &str| {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        gateway.raw(&request).await
    };
    for host in
        ["localhost", "localhost:", "LOCALHOST:8088", "shop.localhost", "127.0.0.1:1", "127.9.9.9", "[::1]:8088"]
    {
        let answer = send("GET", "/things", host).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{host}: {answer}");
    }
    for path in ["/things", "/none", "/healthz", "/healthz/services", "/livez", "/readyz", "/metrics", "/docs"] {
        for (method, host) in [
            ("GET", "evil.example"),
            ("GET", "localhost.evil.example:8088"),
            ("OPTIONS", "0.0.0.0"),
            ("GET", "192.0.2.7"),
        ] {
            let answer = send(method, path, host).await;
            assert!(answer.starts_with("HTTP/1.1 421 "), "{method} {path} {host}: {answer}");
            assert!(answer.contains("application/problem+json") && answer.contains(r#""status":421"#), "{answer}");
        }
    }
    assert_problem(http2(&gateway, "http://evil.example/things", None).await, 421).await;
    let rebound = "POST /things HTTP/1.1\r\nHost: evil.example:8088\r\nOrigin: http://evil.example:8088\r\n\
                   Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    let connections = service.connections();
    assert!(gateway.raw(rebound).await.starts_with("HTTP/1.1 421 "));
    assert_eq!(service.connections(), connections);
}

#[tokio::test]
async fn hosts_may_be_listed_and_an_authenticating_gateway_accepts_all() {
    let service = service().await;
    let config = chassis::Config { allowed_hosts: "shop.example".parse().unwrap(), ..chassis::Config::default() };
    let listing = Gateway::with(&Gateway::routes(service.address, ""), config).await;
    let (signing_key, _) = pass_keys();
    let identity = "[identity]\nissuer = \"http://127.0.0.1:1\"\naudience = \"things\"\n";
    let guarded = Gateway::guarded(&Gateway::routes(service.address, identity), &signing_key).await;
    for (gateway, host, path, expected) in [
        (&listing, "shop.example", "/things", "200"),
        (&listing, "localhost", "/things", "200"),
        (&listing, "evil.example", "/things", "421"),
        (&guarded, "shop.example", "/healthz", "200"),
        (&guarded, "shop.example", "/livez", "200"),
    ] {
        let answer = gateway.raw(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{host} {path}: {answer}");
    }
}

#[tokio::test]
async fn the_service_gets_the_parsed_host_and_never_a_user() {
    let service = service().await;
    let gateway = Gateway::to(service.address, "").await;
    for (target, host, expected) in [
        ("/things", "localhost:", "localhost"),
        ("/things", "Shop.Example:0080", "shop.example:80"),
        ("/things", "[0:0:0:0:0:0:0:1]:8088", "[::1]:8088"),
        ("http://shop.example:/things", "x", "shop.example"),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = gateway.raw(&request).await;
        let headers: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(headers["x-forwarded-host"], expected, "{target} {host}");
    }
    let connections = service.connections();
    for uri in ["http://user:pw@evil.example:81/things", "http://evil.example:99999/things"] {
        assert_problem(http2(&gateway, uri, None).await, 400).await;
    }
    assert_eq!(service.connections(), connections);
}

#[tokio::test]
async fn over_http_2_host_and_authority_are_equal() {
    let service = service().await;
    let gateway = Gateway::to(service.address, "").await;
    for (host, status) in [
        (None, 200),
        (Some("shop.example"), 200),
        (Some("Shop.Example:80"), 200),
        (Some("x"), 400),
        (Some("shop.example:81"), 400),
        (Some("user@shop.example"), 400),
    ] {
        let answer = http2(&gateway, "http://shop.example/things", host).await;
        assert_eq!(answer.status(), status, "{host:?}");
        if status == 400 {
            assert_problem(answer, 400).await;
        } else {
            assert_eq!(json(answer).await["x-forwarded-host"], json!("shop.example"), "{host:?}");
        }
    }
}

#[tokio::test]
async fn options_without_an_origin_ignores_cors() {
    let service = service().await;
    let cors = "[cors]\norigins = [\"https://shop.example\"]\nmethods = [\"POST\"]\n";
    let gateway = gateway(&service, cors).await;
    let origin = [("origin", "https://shop.example")];
    let preflight = [("origin", "https://shop.example"), ("access-control-request-method", "POST")];
    for headers in [&[][..], &origin, &preflight[1..], &preflight] {
        let answer = send(&gateway, "OPTIONS", "/things", headers).await;
        assert_eq!(answer.status(), 204, "{headers:?}");
        assert_eq!(answer.headers()["allow"], "GET, HEAD, POST, DELETE, OPTIONS", "{headers:?}");
        let allowed = answer.headers().get("access-control-allow-origin").is_some();
        assert_eq!(allowed, headers.len() == 2, "{headers:?}");
        assert_problem(send(&gateway, "OPTIONS", "/nothing", headers).await, 404).await;
    }
    assert_eq!(service.connections(), 0);
}

#[tokio::test]
async fn a_head_that_no_process_accepts_gets_a_problem() {
    let service = service().await;
    let gateway = gateway(&service, "").await;
    let long = "x".repeat(20_000);
    let lines = "X: 1\r\n".repeat(200);
    for request in [
        format!("GET /things HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n"),
        format!("GET /things HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n"),
        format!(
            "GET /things HTTP/1.1\r\nHost: localhost\r\n\r\nGET /things?{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        ),
    ] {
        let (answer, _) = gateway.raw_bytes(request.as_bytes()).await;
        let last = answer.rfind("HTTP/1.1 431 ").map(|at| &answer[at..]).expect(&answer);
        let (head, body) = last.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("content-type: application/problem+json"), "{head}");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{last}");
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(problem["status"], 431);
    }
    let path = format!("http://localhost/things?{long}");
    assert_problem(http2(&gateway, &path, None).await, 431).await;
}
