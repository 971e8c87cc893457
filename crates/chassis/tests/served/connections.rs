use std::convert::Infallible;
use std::net::SocketAddr;
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

/// Sends a request on a connection that is kept open, and returns the response.
async fn send(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
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
    // The server measures from the accept, which is not before this.
    let taken = Instant::now();
    assert!(!send(&mut stream).await.contains("connection: close"));
    sleep_until(taken + max_age * 2).await;
    assert!(send(&mut stream).await.contains("connection: close"));
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
async fn a_malformed_request_is_rejected_and_does_not_affect_other_clients() {
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
        // An endless head: no more of it is buffered than the limit.
        (format!("x: {}", "x".repeat(300)), "431"),
        ("x: 1\r\n".repeat(3), "200"),
        ("x: 1\r\n".repeat(4), "431"),
    ] {
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{lines}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(DEADLINE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{lines}: {answer}");
        if status == "431" {
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.contains("application/problem+json") && body.contains(r#""status":431"#), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_head_that_cannot_be_parsed_gets_a_problem_document() {
    let (service, _) = hello(Config::default()).await;
    for request in ["GET / HTTP/1.1\r\nno header\r\n\r\n", "GET / HTTP/1.1\r\nhost: localhost\r\n\r\nGET  /\r\n\r\n"] {
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(DEADLINE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        let refused = answer.rfind("HTTP/1.1 400 ").map(|at| &answer[at..]).expect(&answer);
        assert!(refused.contains("application/problem+json") && refused.ends_with('}'), "{answer}");
    }
}

#[tokio::test]
async fn a_burst_of_connections_finds_room_before_one_of_them_is_taken() {
    let most =
        std::fs::read_to_string("/proc/sys/net/core/somaxconn").map_or(4096, |text| text.trim().parse().unwrap());
    let listener = chassis::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    // No connection is accepted. So a client that finds the backlog full is never connected.
    let burst = (0..600.min(most)).map(|_| timeout(DEADLINE, TcpStream::connect(address)));
    let connected = futures_util::future::join_all(burst).await;
    assert!(connected.iter().all(|connection| matches!(connection, Ok(Ok(_)))));
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
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    // One holder is the route, another the response.
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
        send(stream).await;
    }
    let mut third = TcpStream::connect(service.address).await.unwrap();
    closes(&mut third).await;
    send(&mut first).await;
    drop(second);
    let again = async {
        while service.client.get(service.url("/")).send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, again).await.expect("a place is free again");
}

#[tokio::test]
async fn one_address_has_no_more_than_its_share_of_the_connections() {
    let config = Config { max_connections: 4, connection_share: "50%".parse().unwrap(), ..Config::default() };
    let (service, mut first) = hello(config).await;
    let mut second = TcpStream::connect(service.address).await.unwrap();
    for stream in [&mut first, &mut second] {
        send(stream).await;
    }
    let mut third = TcpStream::connect(service.address).await.unwrap();
    closes(&mut third).await;
    let mut other = from("127.0.0.2", &service).await;
    send(&mut other).await;
    drop(second);
    let again = async {
        while service.client.get(service.url("/")).send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, again).await.expect("a place is free again");
    send(&mut first).await;
}

/// A connection from this address.
async fn from(address: &str, service: &Service) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
    socket.connect(service.address).await.unwrap()
}

/// Sends the head of a `POST` and a part of its body, and returns the connection.
async fn begin(service: &Service, length: usize, headers: &str, part: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(&[head.as_bytes(), part].concat()).await.unwrap();
    stream
}

/// Reads a response up to its body, which ends with `end`.
async fn response(stream: &mut TcpStream, end: &str) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(end.as_bytes()) {
        let read = timeout(DEADLINE, stream.read_buf(&mut answer)).await.unwrap().unwrap();
        assert_ne!(read, 0, "incomplete: {}", String::from_utf8_lossy(&answer));
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_connection_is_kept_when_an_unread_body_has_arrived() {
    let service = Service::routes(Router::new().route("/", get("hello").post("posted"))).await;
    for length in [10, 100_000] {
        let mut stream = begin(&service, length, "", &vec![b'x'; length]).await;
        assert!(!response(&mut stream, "posted").await.contains("connection: close"), "{length}");
        send(&mut stream).await;
    }
}

#[tokio::test]
async fn a_response_before_the_end_of_its_body_closes_the_connection_and_is_not_lost() {
    let service = Service::routes(Router::new().route("/", axum::routing::post("posted"))).await;
    let mut stream = begin(&service, 500_000, "", b"x").await;
    assert!(response(&mut stream, "posted").await.contains("connection: close"));
    // The client did not expect a response yet, and sends the rest.
    stream.write_all(&vec![b'x'; 499_999]).await.unwrap();
    closes(&mut stream).await;
}

#[tokio::test]
async fn a_body_that_the_client_holds_back_is_not_requested_after_the_response() {
    let service = Service::routes(Router::new().route("/", axum::routing::post("posted"))).await;
    let mut stream = begin(&service, 10, "expect: 100-continue\r\n", b"").await;
    let answer = response(&mut stream, "posted").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
    closes(&mut stream).await;
}

#[tokio::test]
async fn an_unread_body_without_end_does_not_hold_its_connection() {
    let service = Service::routes(Router::new().route("/", axum::routing::post("posted"))).await;
    for length in [10, 1 << 30] {
        let mut stream = begin(&service, length, "", b"x").await;
        response(&mut stream, "posted").await;
        let mut rest = Vec::new();
        let writing = async { while stream.write_all(&vec![0; 65_536]).await.is_ok() && length > 10 {} };
        timeout(DEADLINE, writing).await.expect("closed in time");
        // A reset is an end, too.
        let _ = timeout(DEADLINE, stream.read_to_end(&mut rest)).await.expect("closed in time");
    }
}
