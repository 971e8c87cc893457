use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{any, get};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::fixture::{Gateway, Service, TIMEOUT, assert_problem, text};

/// A service with a scripted response per connection, counted from 0: `None` closes without a response.
async fn scripted(answer: impl Fn(usize) -> Option<&'static str> + Send + 'static) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&requests);
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            while read_head(&mut connection).await {
                let Some(answer) = answer(seen.fetch_add(1, Ordering::SeqCst)) else { break };
                connection.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    (address, requests)
}

async fn read_head(connection: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match connection.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return false,
        }
    }
    true
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// An address without a listener.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn a_service_that_refuses_connections_is_unavailable() {
    let gateway = Gateway::to(nobody().await, "[limits]\nretry_after = \"3s\"\n").await;
    let response = gateway.get("/things").await;
    assert_eq!(response.headers()["retry-after"], "3");
    assert!(response.headers().contains_key("x-trace-id"));
    assert_problem(response, 503).await;
}

#[tokio::test]
async fn a_service_whose_name_is_unknown_is_a_bad_gateway() {
    let gateway = Gateway::start(
        "[upstreams]\nthings = \"http://no-such-service.invalid\"\n\
         [[routes]]\npath = \"/things\"\nupstream = \"things\"\nmethods = [\"GET\"]\n[limits]\nconnect_timeout = \"8s\"\n",
    )
    .await;
    assert_problem(gateway.get("/things").await, 502).await;
}

#[tokio::test]
async fn a_service_that_does_not_take_a_connection_in_time_is_a_gateway_timeout() {
    // Nothing accepts: the queue of this listener is full after two connections, and further ones hang.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let (_one, _two) = (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
    let gateway = Gateway::to(address, "[limits]\nconnect_timeout = \"100ms\"\n").await;
    let body = assert_problem(gateway.get("/things").await, 504).await;
    assert_eq!(body["detail"], "the service does not take a connection in time");
}

#[tokio::test]
async fn a_service_that_does_not_answer_in_time_is_a_gateway_timeout() {
    let service = Service::start(Router::new().route("/things", get(std::future::pending::<()>))).await;
    let gateway = Gateway::to(service.address, "[limits]\ntimeout = \"100ms\"\n").await;
    let began = Instant::now();
    let body = assert_problem(gateway.get("/things").await, 504).await;
    assert_eq!(body["detail"], "the service did not answer within 100ms");
    assert!(began.elapsed() < TIMEOUT / 2);
}

#[tokio::test]
async fn what_is_no_http_is_a_bad_gateway() {
    let (service, _) = scripted(|_| Some("SSH-2.0-OpenSSH_9.9\r\n")).await;
    let gateway = Gateway::to(service, "").await;
    let request = gateway.request("POST", "/things").body(Body::empty()).unwrap();
    assert_problem(gateway.send(request).await, 502).await;
}

#[tokio::test]
async fn a_get_on_a_closing_connection_is_retried_once() {
    let (service, requests) = scripted(|request| (request != 1).then_some(OK)).await;
    let gateway = Gateway::to(service, "").await;
    for _ in 0..2 {
        assert_eq!(text(gateway.get("/things").await).await, "ok");
    }
    assert_eq!(requests.load(Ordering::SeqCst), 3);
    let (broken, requests) = scripted(|_| None).await;
    let gateway = Gateway::to(broken, "").await;
    assert_problem(gateway.get("/things").await, 502).await;
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_post_is_never_sent_twice_nor_is_a_request_with_a_body() {
    for (method, body) in [("POST", ""), ("POST", "x"), ("DELETE", "x")] {
        let (service, requests) = scripted(|request| (request == 0).then_some(OK)).await;
        let gateway = Gateway::to(service, "").await;
        assert_eq!(text(gateway.get("/things").await).await, "ok");
        let request = gateway.request(method, "/things").body(Body::from(body)).unwrap();
        assert_problem(gateway.send(request).await, 502).await;
        assert_eq!(requests.load(Ordering::SeqCst), 2, "{method} {body}");
    }
}

#[tokio::test]
async fn a_post_after_the_service_closed_the_idle_connection_gets_a_new_one() {
    let closed = Arc::new(Notify::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let notify = Arc::clone(&closed);
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            assert!(read_head(&mut connection).await);
            connection.write_all(OK.as_bytes()).await.unwrap();
            drop(connection);
            notify.notify_one();
        }
    });
    let gateway = Gateway::to(address, "").await;
    for _ in 0..20 {
        let request = gateway.request("POST", "/things").body(Body::empty()).unwrap();
        assert_eq!(text(gateway.send(request).await).await, "ok");
        closed.notified().await;
        // The gateway's socket has the end of the connection already; its task, on this thread, must process it.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_response_that_breaks_off_does_not_look_complete() {
    let (service, _) = scripted(|_| Some("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")).await;
    let gateway = Gateway::to(service, "[limits]\ntimeout = \"500ms\"\n").await;
    let response = gateway.get("/things").await;
    assert_eq!(response.status(), 200);
    assert!(timeout(TIMEOUT, response.into_body().collect()).await.unwrap().is_err());
}

#[tokio::test]
async fn too_many_concurrent_requests_are_rejected_and_a_permit_is_released_after_the_response() {
    let (arrived, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (arrived, answer) = (Arc::clone(&arrived), Arc::clone(&answer));
        any(async move || {
            arrived.notify_one();
            answer.notified().await;
            "answered"
        })
    };
    let service = Service::start(Router::new().route("/things", handler)).await;
    let gateway = Gateway::to(service.address, "[limits]\nin_flight = 1\nshare = \"100%\"\n").await;
    let second = async {
        arrived.notified().await;
        let refused = gateway.get("/things").await;
        answer.notify_one();
        refused
    };
    let (first, refused) = tokio::join!(gateway.get("/things"), second);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_problem(refused, 503).await;
    assert_eq!(text(first).await, "answered");
    answer.notify_one();
    assert_eq!(text(gateway.get("/things").await).await, "answered");
}
