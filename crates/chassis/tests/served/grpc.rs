use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use chassis::Config;
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use hyper::{HeaderMap, Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::{DEADLINE, Service};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An empty SETTINGS frame, which must come next.
const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";

async fn post(service: &Service, path: &str, body: Body) -> Response<hyper::body::Incoming> {
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let request = Request::post(service.url(path)).header("content-type", "application/grpc").body(body).unwrap();
    timeout(DEADLINE, client.request(request)).await.unwrap().unwrap()
}

/// The code and the message in these headers.
fn status_of(headers: &HeaderMap) -> (&str, &str) {
    let text = |name| headers.get(name).map_or("", |value| value.to_str().unwrap());
    (text("grpc-status"), text("grpc-message"))
}

/// The response to bytes that arrive one by one.
async fn trickled(service: &Service, bytes: &[u8], answer: &mut [u8]) {
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in bytes {
        stream.write_all(&[*byte]).await.unwrap();
        sleep(Duration::from_millis(2)).await;
    }
    timeout(DEADLINE, stream.read_exact(answer)).await.unwrap().unwrap();
}

#[tokio::test]
async fn http_2_is_recognized_by_its_first_bytes_however_they_arrive() {
    let service = Service::routes(Router::new().route("/", get("hello"))).await;
    for (bytes, expected) in [
        (&[PREFACE, SETTINGS].concat()[..], &SETTINGS[3..4]),
        (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", b"P"),
        (b"POST / HTTP/1.1\r\nhost: a\r\n\r\n", b"P"),
        (b"PRI / HTTP/1.1\r\nhost: a\r\n\r\n", b"P"),
    ] {
        // The fourth byte: the kind of a frame, and of "HTTP".
        let mut answer = [0; 4];
        trickled(&service, bytes, &mut answer).await;
        assert_eq!(&answer[3..], expected, "{answer:?}");
    }
    service.end().await.unwrap();
}

#[tokio::test]
async fn a_connection_on_which_little_or_nothing_was_said_does_not_hold_up_the_end() {
    let service = Service::routes(Router::new()).await;
    let mut streams = Vec::new();
    for first in [&b""[..], &PREFACE[..1], &PREFACE[..20]] {
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        stream.write_all(first).await.unwrap();
        streams.push(stream);
    }
    // Those are accepted before this one.
    assert_eq!(service.get("/livez").await.status(), 200);
    timeout(Config::default().header_read_timeout / 2, service.end()).await.expect("it waits for them").unwrap();
}

#[tokio::test]
async fn a_connection_with_an_incomplete_preface_is_closed_in_time() {
    let config = Config { header_read_timeout: Duration::from_millis(200), ..Config::default() };
    let service = Service::start(config, |_| Router::new()).await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(&PREFACE[..3]).await.unwrap();
    let closed = timeout(DEADLINE, stream.read(&mut [0; 1])).await.expect("it is still open");
    assert!(matches!(closed, Ok(0) | Err(_)));
    service.end().await.unwrap();
}

#[tokio::test]
async fn readiness_is_served_over_grpc() {
    let service = Service::start(Config::default(), |host| {
        host.readiness("part", || Box::pin(async { Err("broken".to_owned()) }));
        Router::new()
    })
    .await;
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let mut client = HealthClient::with_origin(client, service.url("").parse().unwrap());
    let status = client.check(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!((status.status(), service.get("/readyz").await.status().as_u16()), (ServingStatus::NotServing, 503));
    let counted = service.get("/metrics").await.text().await.unwrap();
    assert!(counted.contains(r#"route="/grpc.health.v1.Health/Check",status="200""#), "{counted}");
    service.end().await.unwrap();
}

#[tokio::test]
async fn problems_are_translated_to_grpc_and_counted_by_their_http_status() {
    let service = Service::routes(Router::new().route("/things", get("things"))).await;
    let answer = post(&service, "/nowhere.At/All", Body::empty()).await;
    let kind = answer.headers()["content-type"].to_str().unwrap();
    assert_eq!((answer.status().as_u16(), kind), (200, "application/grpc"));
    assert_eq!(status_of(answer.headers()), ("12", "no%20resource%20has%20the%20path%20/nowhere.At/All"));
    assert_eq!(status_of(post(&service, "/things", Body::empty()).await.headers()).0, "12");
    let unknown = HealthCheckRequest { service: "other".to_owned() };
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let mut client = HealthClient::with_origin(client, service.url("").parse().unwrap());
    assert_eq!(client.check(unknown).await.unwrap_err().code(), tonic::Code::NotFound);
    let counted = service.get("/metrics").await.text().await.unwrap();
    assert!(counted.contains(r#"route="/grpc.health.v1.Health/Check",status="404""#), "{counted}");
    service.end().await.unwrap();
}

#[tokio::test]
async fn a_message_that_is_too_large_or_does_not_come_is_refused_within_the_limits_of_every_body() {
    let config = Config { body_limit: 64, body_read_timeout: Duration::from_millis(200), ..Config::default() };
    let service = Service::start(config, |_| Router::new()).await;
    let mut message = vec![0, 0, 0, 0, 100];
    message.extend([0; 100]);
    let silent = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(&[0, 0]))]).chain(stream::pending());
    for (body, code, word) in [(Body::from(message), "8", "64"), (Body::from_stream(silent), "4", "200ms")] {
        let answer = post(&service, "/grpc.health.v1.Health/Check", body).await;
        let head = answer.headers().clone();
        let rest = timeout(DEADLINE, answer.into_body().collect()).await.unwrap().unwrap();
        let status =
            if head.contains_key("grpc-status") { status_of(&head) } else { status_of(rest.trailers().unwrap()) };
        assert!(status.0 == code && status.1.contains(word), "{status:?}");
    }
    service.end().await.unwrap();
}

const CHECK: &str = "/grpc.health.v1.Health/Check";

/// One message, for the service "".
const EMPTY_MESSAGE: &[u8] = &[0, 0, 0, 0, 0];

#[tokio::test]
async fn a_message_that_cannot_be_read_is_the_clients_fault() {
    let service = Service::routes(Router::new()).await;
    for garbage in [
        &[0, 0, 0, 0, 2, 0xff, 0xff][..],
        &[0, 0, 0, 0, 3, 0x0a, 0x05, b'a'],
        // Flags and length.
        &[7, 0, 0, 0, 0],
        &[1, 0, 0, 0, 0],
        &[0, 0, 0, 0, 9, 0x0a],
        &[0, 0],
    ] {
        let answer = post(&service, CHECK, Body::from(garbage)).await;
        assert_eq!(status_of(answer.headers()).0, "3", "{garbage:?}");
    }
    let counted = service.get("/metrics").await.text().await.unwrap();
    assert!(counted.contains(r#"route="/grpc.health.v1.Health/Check",status="400""#), "{counted}");
    service.end().await.unwrap();
}

#[tokio::test]
async fn a_method_takes_one_message() {
    let service = Service::routes(Router::new()).await;
    for (messages, code) in [(0, "12"), (1, "0"), (2, "12"), (3, "12")] {
        let answer = post(&service, CHECK, Body::from(EMPTY_MESSAGE.repeat(messages))).await;
        let (head, body) = answer.into_parts();
        let rest = timeout(DEADLINE, body.collect()).await.unwrap().unwrap();
        let status = rest.trailers().map_or_else(|| status_of(&head.headers), status_of);
        assert_eq!(status.0, code, "{messages} messages: {status:?}");
    }
    service.end().await.unwrap();
}

#[tokio::test]
async fn requests_without_a_grpc_content_type_are_rejected() {
    let service = Service::routes(Router::new()).await;
    for kind in ["text/plain", "application/json", "application/grpc-web", "application/grpc+json"] {
        let request = service.client.post(service.url(CHECK)).header("content-type", kind).body(EMPTY_MESSAGE);
        let answer = service.send(request).await;
        assert_eq!(answer.headers()["accept-post"], "application/grpc", "{kind}");
        assert_eq!(crate::problem(answer).await.0, 415, "{kind}");
    }
    service.end().await.unwrap();
}
