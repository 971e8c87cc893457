//! Requests that a web page of another origin could make a browser send to a service.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use chassis::Config;
use chassis::body::Fields;
use hyper::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use reqwest::Response;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::{DEADLINE, Service, problem};

fn routes() -> Router {
    let read = async |_: Fields| "read";
    Router::new()
        .route("/things", get("things").post(read).patch(read))
        .route("/things/rebuild", post(async || "rebuilt"))
}

async fn send(service: &Service, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = service.client.request(method.parse().unwrap(), service.url(path)).body("{}");
    service.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

#[tokio::test]
async fn what_changes_something_needs_a_content_type_that_no_form_has_also_without_a_body() {
    let service = Service::routes(routes()).await;
    for kind in [None, Some("text/plain"), Some("multipart/form-data"), Some("application/x-www-form-urlencoded")] {
        let headers: Vec<_> = kind.map(|kind| ("content-type", kind)).into_iter().collect();
        for (method, path, header) in [
            ("POST", "/things", "accept-post"),
            ("POST", "/things/rebuild", "accept-post"),
            ("PATCH", "/things", "accept-patch"),
        ] {
            let answer = send(&service, method, path, &headers).await;
            assert_eq!(answer.headers()[header], "application/json", "{method} {path} {kind:?}");
            assert_eq!(problem(answer).await.0, 415);
        }
    }
    let json = [("content-type", "application/json")];
    assert_eq!(send(&service, "POST", "/things/rebuild", &json).await.status(), 200);
    assert_eq!(send(&service, "POST", "/nowhere", &[]).await.status(), 404);
    assert_eq!(send(&service, "DELETE", "/things", &[]).await.status(), 405);
    service.end().await.unwrap();
}

#[tokio::test]
async fn a_415_names_the_accepted_content_type() {
    let service = Service::routes(routes()).await;
    for (method, header) in [("POST", "accept-post"), ("PATCH", "accept-patch")] {
        let answer = send(&service, method, "/things", &[("content-type", "application/xml")]).await;
        assert_eq!(answer.headers()[header], "application/json");
        assert_eq!(problem(answer).await.0, 415);
    }
    service.end().await.unwrap();
}

#[tokio::test]
async fn a_body_with_a_content_coding_is_refused_with_those_that_are_taken() {
    let service = Service::routes(routes()).await;
    let json = ("content-type", "application/json");
    for coding in ["gzip", "GZIP", "br", "identity, gzip"] {
        let answer = send(&service, "POST", "/things", &[json, ("content-encoding", coding)]).await;
        assert_eq!(answer.headers()["accept-encoding"], "identity", "{coding}");
        let (status, document) = problem(answer).await;
        assert_eq!((status, document["type"].as_str()), (415, Some("urn:flotilla:problem:unsupported-media-type")));
    }
    assert_eq!(send(&service, "POST", "/things", &[json, ("content-encoding", "Identity")]).await.status(), 200);
    service.end().await.unwrap();
}

#[tokio::test]
async fn a_page_of_another_origin_changes_nothing_and_what_a_gateway_forwards_is_judged_by_it() {
    let service = Service::routes(routes()).await;
    let own = service.url("");
    for (status, headers) in [
        (403, vec![("origin", "https://evil.example")]),
        (403, vec![("sec-fetch-site", "cross-site")]),
        (200, vec![("origin", own.as_str())]),
        (200, vec![("origin", "https://shop.example"), ("x-forwarded-host", "shop.example")]),
    ] {
        let headers: Vec<_> = headers.into_iter().chain([("content-type", "application/json")]).collect();
        assert_eq!(send(&service, "POST", "/things", &headers).await.status(), status, "{headers:?}");
    }
    service.end().await.unwrap();
}

#[tokio::test]
async fn an_open_service_on_loopback_answers_for_loopback_and_listed_hosts_alone() {
    for (listed, host, expected) in [
        ("", "localhost:", 200),
        ("", "[::1]:8080", 200),
        ("", "evil.example", 421),
        ("", "user@localhost", 400),
        ("", "localhost:65536", 400),
        ("shop.example", "Shop.Example:8080", 200),
        ("shop.example", "evil.example", 421),
        ("*", "evil.example", 200),
    ] {
        let config = Config { allowed_hosts: listed.parse().unwrap(), ..Config::default() };
        let service = Service::start(config, |_| routes()).await;
        for path in ["/things", "/livez", "/metrics"] {
            let answer = service.send(service.client.get(service.url(path)).header("host", host)).await;
            assert_eq!(answer.status(), expected, "{listed} {host} {path}");
            if expected != 200 {
                problem(answer).await;
            }
        }
        service.end().await.unwrap();
    }
}

/// The status and the body of a GET over HTTP/2.
async fn http2(service: &Service, uri: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let io = TokioIo::new(TcpStream::connect(service.address).await.unwrap());
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let request = headers.iter().fold(Request::get(uri), |request, (name, value)| request.header(*name, *value));
    let answered = client.send_request(request.body(Body::empty()).unwrap());
    let answer = timeout(DEADLINE, answered).await.unwrap().unwrap();
    let status = answer.status().as_u16();
    let body = axum::body::to_bytes(Body::new(answer.into_body()), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn http_2_keeps_the_same_rules() {
    let config = Config { head_limit: 1000, header_read_timeout: Duration::from_secs(5), ..Config::default() };
    let service = Service::start(config, |_| routes()).await;
    let long = "x".repeat(1000);
    for (uri, headers, expected) in [
        ("http://localhost/things", &[][..], 200),
        ("http://localhost/things", &[("host", "localhost:80")], 200),
        ("http://localhost/things", &[("host", "127.0.0.1")], 400),
        ("http://evil.example/things", &[], 421),
        ("http://user@localhost/things", &[], 400),
        ("http://localhost/things", &[("x", long.as_str())], 431),
    ] {
        let (status, body) = http2(&service, uri, headers).await;
        assert_eq!(status, expected, "{uri} {headers:?}");
        assert!(expected == 200 || body.contains(&format!(r#""status":{expected}"#)), "{body}");
    }
    service.end().await.unwrap();
}
