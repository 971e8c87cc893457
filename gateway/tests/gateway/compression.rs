//! Compression of long responses.

use std::io::Read;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use flate2::read::GzDecoder;
use futures_util::stream;
use http_body_util::BodyExt;

use crate::fixture::{Gateway, Service};

const LONG: &str = "{\"say\": \"long, long, long\"}";

fn service() -> Router {
    let long = async || ([("content-type", "application/json")], LONG.repeat(100));
    let coded = async || ([("content-encoding", "br")], LONG.repeat(100));
    let live = async || Sse::new(stream::iter([Ok::<_, std::io::Error>(Event::default().data(LONG.repeat(100)))]));
    Router::new()
        .route("/things/long", get(long))
        .route("/things/short", get(async || "short"))
        .route("/things/coded", get(coded))
        .route("/things/tagged", get(tagged))
        .route("/things/tagged-short", get(async || ([("etag", "\"s\"")], "short")))
        .route(
            "/things/tagged-coded",
            get(async || ([("etag", "\"c\""), ("content-encoding", "br")], LONG.repeat(100))),
        )
        .route("/things/1/events", get(live))
}

/// A service that evaluates `If-None-Match`.
async fn tagged(headers: http::HeaderMap) -> axum::response::Response {
    let known = headers.get("if-none-match").is_some_and(|tags| tags.to_str().unwrap().contains("\"t\""));
    let tag = [("etag", "\"t\"")];
    if known { (http::StatusCode::NOT_MODIFIED, tag).into_response() } else { (tag, LONG.repeat(100)).into_response() }
}

async fn send(gateway: &Gateway, path: &str, accept: &str) -> (Option<String>, Vec<u8>) {
    let request = gateway.request("GET", path).header("accept-encoding", accept).body(Body::empty()).unwrap();
    let answer = gateway.send(request).await;
    assert_eq!(answer.status(), 200, "{path}");
    let coding = answer.headers().get("content-encoding").map(|coding| coding.to_str().unwrap().to_owned());
    (coding, answer.into_body().collect().await.unwrap().to_bytes().to_vec())
}

#[tokio::test]
async fn a_long_response_is_compressed_if_the_client_accepts_gzip() {
    let service = Service::start(service()).await;
    let gateway = Gateway::to(service.address, "").await;
    let (coding, body) = send(&gateway, "/things/long", "gzip, deflate").await;
    assert_eq!(coding.as_deref(), Some("gzip"));
    let mut text = String::new();
    GzDecoder::new(body.as_slice()).read_to_string(&mut text).unwrap();
    assert_eq!(text, LONG.repeat(100));
    assert!(body.len() < text.len() / 10);
    for (path, accept) in [
        ("/things/long", "identity"),
        ("/things/long", "br;q=1, gzip;q=0"),
        ("/things/short", "gzip"),
        ("/things/1/events", "gzip"),
    ] {
        assert_eq!(send(&gateway, path, accept).await.0, None, "{path} for {accept}");
    }
    assert_eq!(send(&gateway, "/things/coded", "gzip").await.0.as_deref(), Some("br"), "what is coded stays as it is");
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let service = Service::start(service()).await;
    let gateway = Gateway::to(service.address, "[limits]\ncompress_from = 0\n").await;
    assert_eq!(send(&gateway, "/things/long", "gzip").await.0, None);
}

#[tokio::test]
async fn the_tag_of_a_compressed_response_becomes_weak_and_others_are_unchanged() {
    let service = Service::start(service()).await;
    let gateway = Gateway::to(service.address, "").await;
    let send = async |path: &str, coding: &str, known: &str| {
        let request = gateway.request("GET", path).header("accept-encoding", coding).header("if-none-match", known);
        let answer = gateway.send(request.body(Body::empty()).unwrap()).await;
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), header("etag").unwrap(), header("vary"))
    };
    let varies = Some("accept-encoding".to_owned());
    for (path, coding, known, status, tag, vary) in [
        ("/things/tagged", "gzip", "\"x\"", 200, "W/\"t\"", varies.clone()),
        ("/things/tagged", "identity", "\"x\"", 200, "\"t\"", varies.clone()),
        ("/things/tagged", "gzip", "W/\"t\"", 304, "W/\"t\"", varies.clone()),
        ("/things/tagged", "gzip", "\"x\", W/\"t\"", 304, "W/\"t\"", varies.clone()),
        ("/things/tagged", "identity", "\"t\"", 304, "\"t\"", varies),
        ("/things/tagged-short", "gzip", "\"x\"", 200, "\"s\"", None),
        ("/things/tagged-coded", "gzip", "\"x\"", 200, "\"c\"", None),
    ] {
        assert_eq!(
            send(path, coding, known).await,
            (status, tag.to_owned(), vary),
            "{path} as {coding}, {known} known"
        );
    }
}

#[tokio::test]
async fn the_response_to_head_has_the_headers_of_get() {
    let service = Service::start(service()).await;
    let gateway = Gateway::to(service.address, "").await;
    for path in ["/things/long", "/things/short", "/things/coded", "/healthz"] {
        for accept in ["gzip", "identity"] {
            let mut values = Vec::new();
            for method in ["GET", "HEAD"] {
                let request = gateway.request(method, path).header("accept-encoding", accept);
                let answer = gateway.send(request.body(Body::empty()).unwrap()).await;
                let names = ["content-length", "content-encoding", "vary"];
                values.push(names.map(|name| answer.headers().get(name).cloned()));
                let body = answer.into_body().collect().await.unwrap().to_bytes();
                assert!(method == "GET" || body.is_empty(), "{path}");
            }
            assert_eq!(values[0], values[1], "{path} for {accept}");
            assert_eq!(values[0][2].is_some(), path == "/things/long", "{path} for {accept}");
        }
    }
}
