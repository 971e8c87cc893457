//! Long answers take less of the line, for clients that can read that.

use std::io::Read;

use axum::Router;
use axum::body::Body;
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
        .route("/things/1/events", get(live))
}

async fn ask(gateway: &Gateway, path: &str, accept: &str) -> (Option<String>, Vec<u8>) {
    let request = gateway.request("GET", path).header("accept-encoding", accept).body(Body::empty()).unwrap();
    let answer = gateway.send(request).await;
    assert_eq!(answer.status(), 200, "{path}");
    let coding = answer.headers().get("content-encoding").map(|coding| coding.to_str().unwrap().to_owned());
    (coding, answer.into_body().collect().await.unwrap().to_bytes().to_vec())
}

#[tokio::test]
async fn a_long_answer_is_compressed_for_who_can_read_it() {
    let service = Service::start(service()).await;
    let gateway = Gateway::to(service.address, "").await;
    let (coding, body) = ask(&gateway, "/things/long", "gzip, deflate").await;
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
        assert_eq!(ask(&gateway, path, accept).await.0, None, "{path} for {accept}");
    }
    assert_eq!(ask(&gateway, "/things/coded", "gzip").await.0.as_deref(), Some("br"), "what is coded stays as it is");
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let service = Service::start(service()).await;
    let gateway = Gateway::to(service.address, "[limits]\ncompress_from = 0\n").await;
    assert_eq!(ask(&gateway, "/things/long", "gzip").await.0, None);
}
