use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{any, get, post};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;

use crate::fixture::{Gateway, Service, TIMEOUT, assert_problem, text};

type Part = Result<Frame<Bytes>, std::convert::Infallible>;

/// A body whose parts the test sends.
fn body_in_parts() -> (mpsc::Sender<Part>, Body) {
    let (sender, receiver) = mpsc::channel(1);
    (sender, Body::new(StreamBody::new(ReceiverStream::new(receiver))))
}

async fn send_part(sender: &mpsc::Sender<Part>, part: &'static str) {
    sender.send(Ok(Frame::data(Bytes::from_static(part.as_bytes())))).await.unwrap();
}

#[tokio::test]
async fn the_first_part_of_an_answer_arrives_before_its_end_is_sent() {
    let (sender, body) = body_in_parts();
    let body = Arc::new(Mutex::new(Some(body)));
    let answer = async move || body.lock().unwrap().take().unwrap();
    let service = Service::start(Router::new().route("/things", get(answer))).await;
    let gateway = Gateway::to(service.address, "").await;
    let (response, ()) = tokio::join!(gateway.get("/things"), send_part(&sender, "one"));
    let mut answer = response.into_body();
    let first = timeout(TIMEOUT, answer.frame()).await.unwrap().unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "one");
    send_part(&sender, "two").await;
    drop(sender);
    assert_eq!(timeout(TIMEOUT, answer.collect()).await.unwrap().unwrap().to_bytes(), "two");
}

#[tokio::test]
async fn clients_that_send_slowly_hold_no_permit_and_no_connection_of_the_service() {
    let service = Service::start(Router::new().route("/things", get("here").post(async |body: String| body))).await;
    let gateway = Gateway::to(service.address, "[limits]\nin_flight = 1\nshare = \"100%\"\n").await;
    let mut slow = Vec::new();
    for _ in 0..10 {
        let mut client = gateway.connect().await;
        let head = "POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n1";
        client.write_all(head.as_bytes()).await.unwrap();
        slow.push(client);
    }
    assert_eq!(text(gateway.get("/things").await).await, "here");
    assert_eq!(service.connections(), 1);
    for mut client in slow {
        client.write_all(b"2").await.unwrap();
        let mut answer = String::new();
        timeout(TIMEOUT, client.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("12"), "{answer}");
    }
    assert_eq!(service.connections(), 1);
}

#[tokio::test]
async fn a_body_that_trickles_in_is_given_up_after_its_time() {
    let service = Service::start(Router::new().route("/things", post(async |body: String| body))).await;
    let gateway = Gateway::to(service.address, "[limits]\nupload_timeout = \"300ms\"\n").await;
    let (sender, body) = body_in_parts();
    let trickle = async {
        while sender.send(Ok(Frame::data(Bytes::from_static(b"x")))).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let answered = async {
        let response = gateway.send(gateway.request("POST", "/things").body(body).unwrap()).await;
        assert_problem(response, 408).await
    };
    tokio::select! {
        problem = answered => assert_eq!(problem["detail"], "the body did not come within 300ms"),
        () = trickle => panic!("the connection was closed without an answer"),
    }
    assert_eq!(service.connections(), 0);
}

#[tokio::test]
async fn bodies_beyond_the_buffer_memory_are_rejected() {
    let service = Service::start(Router::new().route("/things", post(async |body: String| body))).await;
    let gateway = Gateway::to(service.address, "[limits]\nbody = 6\nuploads = 6\nshare = \"100%\"\n").await;
    let (sender, body) = body_in_parts();
    let first = gateway.send(gateway.request("POST", "/things").body(body).unwrap());
    let second = async {
        send_part(&sender, "12345").await;
        let refused = loop {
            let second = gateway.request("POST", "/things").body(Body::from("12")).unwrap();
            match gateway.send(second).await {
                // The first request has not arrived yet.
                taken if taken.status() == 200 => tokio::task::yield_now().await,
                refused => break refused,
            }
        };
        drop(sender);
        refused
    };
    let (first, refused) = tokio::join!(first, second);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_problem(refused, 503).await;
    assert_eq!(text(first).await, "12345");
}

#[tokio::test]
async fn a_body_with_a_declared_length_that_is_too_large_is_rejected_before_it_is_forwarded() {
    let service = Service::start(Router::new().route("/things", post(async |body: String| body))).await;
    let gateway = Gateway::to(service.address, "").await;
    let most = gateway.request("POST", "/things").body(Body::from("x".repeat(65_536))).unwrap();
    assert_eq!(text(gateway.send(most).await).await.len(), 65_536);
    let answer = gateway
        .raw("POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 65537\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert_eq!(service.connections(), 1);
}

#[tokio::test]
async fn a_body_without_a_declared_length_is_cut_where_it_becomes_too_large() {
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
async fn a_client_that_stops_sending_its_body_gets_408() {
    let service = Service::start(Router::new().route("/things", post(async |body: String| body))).await;
    let gateway = Gateway::to(service.address, "[limits]\nupload_idle = \"50ms\"\n").await;
    let (sender, body) = body_in_parts();
    let request = gateway.request("POST", "/things").body(body).unwrap();
    let (response, ()) = tokio::join!(gateway.send(request), send_part(&sender, "one"));
    assert_problem(response, 408).await;
}

#[tokio::test]
async fn a_client_that_expects_100_continue_gets_it() {
    let service = Service::start(Router::new().route("/things", any(async |body: String| body))).await;
    let gateway = Gateway::to(service.address, "").await;
    let mut client = gateway.connect().await;
    let head = "POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    timeout(TIMEOUT, client.read_exact(&mut interim)).await.unwrap().unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"hello").await.unwrap();
    let mut answer = String::new();
    timeout(TIMEOUT, client.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hello"), "{answer}");
}
