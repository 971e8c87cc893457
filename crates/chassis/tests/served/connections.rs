use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use chassis::Config;
use futures_util::stream;
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

#[tokio::test]
async fn a_head_that_is_too_large_or_has_too_many_lines_is_refused() {
    let config = Config { head_limit: 300, head_lines: 5, ..Config::default() };
    let (service, _) = hello(config).await;
    for (lines, status) in [
        (format!("x: {}\r\n", "x".repeat(200)), "200"),
        (format!("x: {}\r\n", "x".repeat(300)), "431"),
        // A head without an end, of which no more is kept than the limit says.
        (format!("x: {}", "x".repeat(300)), "431"),
        ("x: 1\r\n".repeat(3), "200"),
        ("x: 1\r\n".repeat(4), "431"),
    ] {
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n{lines}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(DEADLINE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{lines}: {answer}");
    }
}

#[tokio::test]
async fn what_an_answer_holds_is_let_go_when_its_client_does_not_read() {
    let held: Arc<str> = "x".repeat(65_536).into();
    let watched = Arc::downgrade(&held);
    let answer = get(async move || {
        let held = Arc::clone(&held);
        Body::from_stream(stream::repeat_with(move || Ok::<_, Infallible>(held.to_string())))
    });
    let config = Config { write_timeout: Duration::from_millis(300), ..Config::default() };
    let service = Service::start(config, |_| Router::new().route("/", answer)).await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
    // The route has one, its answer another.
    holders(&watched, |holders| holders > 1).await;
    holders(&watched, |holders| holders == 1).await;
}

async fn holders(watched: &std::sync::Weak<str>, enough: impl Fn(usize) -> bool) {
    let waiting = async {
        while !enough(watched.strong_count()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, waiting).await.expect("held for ever");
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once_and_disturbs_none_of_the_others() {
    let (service, mut first) = hello(Config { max_connections: 2, ..Config::default() }).await;
    let mut second = TcpStream::connect(service.address).await.unwrap();
    for stream in [&mut first, &mut second] {
        ask(stream).await;
    }
    let mut third = TcpStream::connect(service.address).await.unwrap();
    closes(&mut third).await;
    ask(&mut first).await;
    drop(second);
    let again = async {
        while service.client.get(service.url("/")).send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, again).await.expect("a place is free again");
}
