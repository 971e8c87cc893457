use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{any, post};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;

use crate::fixture::{Gateway, PATIENCE, Service, assert_problem, text};

type Part = Result<Frame<Bytes>, std::convert::Infallible>;

/// A body whose parts are sent by the test.
fn body_in_parts() -> (mpsc::Sender<Part>, Body) {
    let (sender, receiver) = mpsc::channel(1);
    (sender, Body::new(StreamBody::new(ReceiverStream::new(receiver))))
}

async fn send_part(sender: &mpsc::Sender<Part>, part: &'static str) {
    sender.send(Ok(Frame::data(Bytes::from_static(part.as_bytes())))).await.unwrap();
}

#[tokio::test]
async fn the_first_part_of_a_body_arrives_before_its_end_is_sent_both_ways() {
    // The service answers with the body it is being sent.
    let service = Service::start(Router::new().route("/things", post(async |body: Body| body))).await;
    let gateway = Gateway::to(service.address, "").await;
    let (sender, body) = body_in_parts();
    let request = gateway.request("POST", "/things").body(body).unwrap();
    let (response, ()) = tokio::join!(gateway.send(request), send_part(&sender, "one"));
    let mut answer = response.into_body();
    let first = timeout(PATIENCE, answer.frame()).await.unwrap().unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "one");
    send_part(&sender, "two").await;
    drop(sender);
    assert_eq!(timeout(PATIENCE, answer.collect()).await.unwrap().unwrap().to_bytes(), "two");
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_refused_before_the_service_hears_of_it() {
    let service = Service::start(Router::new().route("/things", post(async |body: String| body))).await;
    let gateway = Gateway::to(service.address, "").await;
    let most = gateway.request("POST", "/things").body(Body::from("x".repeat(65_536))).unwrap();
    assert_eq!(text(gateway.send(most).await).await.len(), 65_536);
    let answer = gateway
        .raw("POST /things HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert_eq!(service.connections(), 1);
}

#[tokio::test]
async fn a_body_that_does_not_say_its_length_is_cut_where_it_becomes_too_large() {
    let service = Service::start(Router::new().route("/things", post(async |body: String| body))).await;
    let gateway = Gateway::to(service.address, "[limits]\nbody = 5\n").await;
    for (parts, status) in [(["12", "345"], 200), (["123", "456"], 413)] {
        let (sender, body) = body_in_parts();
        let sending = tokio::spawn(async move {
            for part in parts {
                send_part(&sender, part).await;
            }
        });
        let response = gateway.send(gateway.request("POST", "/things").body(body).unwrap()).await;
        assert_eq!(response.status(), status);
        sending.await.unwrap();
    }
}

#[tokio::test]
async fn a_client_that_stops_sending_its_body_is_told_so() {
    let service = Service::start(Router::new().route("/things", post(async |body: String| body))).await;
    let gateway = Gateway::to(service.address, "[limits]\nupload_idle = \"50ms\"\n").await;
    let (sender, body) = body_in_parts();
    let request = gateway.request("POST", "/things").body(body).unwrap();
    let (response, ()) = tokio::join!(gateway.send(request), send_part(&sender, "one"));
    assert_problem(response, 408).await;
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_to_go_on() {
    let service = Service::start(Router::new().route("/things", any(async |body: String| body))).await;
    let gateway = Gateway::to(service.address, "").await;
    let mut client = gateway.connect().await;
    let head =
        "POST /things HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    timeout(PATIENCE, client.read_exact(&mut interim)).await.unwrap().unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"hello").await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, client.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hello"), "{answer}");
}
