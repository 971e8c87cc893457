use std::time::Duration;

use axum::Router;
use axum::routing::get;
use chassis::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use crate::{DEADLINE, Service};

async fn hello(config: Config) -> (Service, TcpStream) {
    let service = Service::start(config, |_| Router::new().route("/", get("hello"))).await;
    let stream = TcpStream::connect(service.address).await.unwrap();
    (service, stream)
}

/// Asks on a connection that is kept open, and returns the answer.
async fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        let read = timeout(DEADLINE, stream.read_buf(&mut answer)).await.unwrap().unwrap();
        assert_ne!(read, 0, "the answer is incomplete");
    }
    String::from_utf8(answer).unwrap()
}

async fn closes(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut rest)).await.expect("closed in time").unwrap();
}

#[tokio::test]
async fn a_connection_is_kept_until_its_age_and_then_closed_with_an_answer() {
    let max_age = Duration::from_secs(1);
    let (_service, mut stream) = hello(Config { connection_max_age: max_age, ..Config::default() }).await;
    // The server counts from when it took the connection, which is not before this.
    let taken = Instant::now();
    assert!(!ask(&mut stream).await.contains("connection: close"));
    sleep_until(taken + max_age * 2).await;
    assert!(ask(&mut stream).await.contains("connection: close"));
    closes(&mut stream).await;
}

#[tokio::test]
async fn a_client_that_is_slow_with_its_headers_is_dropped() {
    let limit = Duration::from_millis(200);
    let (service, mut stream) = hello(Config { header_read_timeout: limit, ..Config::default() }).await;
    let began = Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: he").await.unwrap();
    closes(&mut stream).await;
    assert!(began.elapsed() >= limit);
    assert_eq!(service.get("/").await.status(), 200);
}

#[tokio::test]
async fn a_client_that_talks_nonsense_is_told_so_and_disturbs_nobody() {
    let (service, mut stream) = hello(Config::default()).await;
    stream.write_all(b"\x16\x03\x01 this is not HTTP\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 400"));
    assert_eq!(service.get("/").await.status(), 200);
}
