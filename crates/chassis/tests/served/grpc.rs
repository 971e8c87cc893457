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
/// A frame of no settings, which must come next.
const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";

async fn post(service: &Service, path: &str, body: Body) -> Response<hyper::body::Incoming> {
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let request = Request::post(service.url(path)).header("content-type", "application/grpc").body(body).unwrap();
    timeout(DEADLINE, client.request(request)).await.unwrap().unwrap()
}

/// The code and the message that are told in these headers.
fn told(headers: &HeaderMap) -> (&str, &str) {
    let text = |name| headers.get(name).map_or("", |value| value.to_str().unwrap());
    (text("grpc-status"), text("grpc-message"))
}

/// What is answered to bytes that come one by one.
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
async fn http_2_is_told_from_http_1_by_its_first_bytes_however_they_come() {
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
    for said in [&b""[..], &PREFACE[..1], &PREFACE[..20]] {
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        stream.write_all(said).await.unwrap();
        streams.push(stream);
    }
    // Those are taken before this one.
    assert_eq!(service.get("/livez").await.status(), 200);
    timeout(Config::default().header_read_timeout / 2, service.end()).await.expect("it waits for them").unwrap();
}

#[tokio::test]
async fn whoever_says_too_little_to_be_told_apart_is_closed_in_time() {
    let config = Config { header_read_timeout: Duration::from_millis(200), ..Config::default() };
    let service = Service::start(config, |_| Router::new()).await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(&PREFACE[..3]).await.unwrap();
    let closed = timeout(DEADLINE, stream.read(&mut [0; 1])).await.expect("it is still open");
    assert!(matches!(closed, Ok(0) | Err(_)));
    service.end().await.unwrap();
}

#[tokio::test]
async fn readiness_is_told_over_grpc() {
    let service = Service::start(Config::default(), |host| {
        host.readiness("part", || Box::pin(async { Err("broken".to_owned()) }));
        Router::new()
    })
    .await;
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let mut client = HealthClient::with_origin(client, service.url("").parse().unwrap());
    let told = client.check(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!((told.status(), service.get("/readyz").await.status().as_u16()), (ServingStatus::NotServing, 503));
    let counted = service.get("/metrics").await.text().await.unwrap();
    assert!(counted.contains(r#"route="/grpc.health.v1.Health/Check",status="200""#), "{counted}");
    service.end().await.unwrap();
}

#[tokio::test]
async fn what_is_refused_is_told_in_grpc_and_counted_as_what_it_is() {
    let service = Service::routes(Router::new().route("/things", get("things"))).await;
    let answer = post(&service, "/nowhere.At/All", Body::empty()).await;
    let kind = answer.headers()["content-type"].to_str().unwrap();
    assert_eq!((answer.status().as_u16(), kind), (200, "application/grpc"));
    assert_eq!(told(answer.headers()), ("12", "no%20resource%20has%20the%20path%20/nowhere.At/All"));
    assert_eq!(told(post(&service, "/things", Body::empty()).await.headers()).0, "12");
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
        let told = if head.contains_key("grpc-status") { told(&head) } else { told(rest.trailers().unwrap()) };
        assert!(told.0 == code && told.1.contains(word), "{told:?}");
    }
    service.end().await.unwrap();
}
