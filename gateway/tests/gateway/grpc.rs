//! A gRPC service behind the gateway.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ambient::{Ids, SystemClock};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use http::{HeaderMap, Version};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;

use crate::fixture::{Gateway, TIMEOUT};

const MESSAGE: &[u8] = b"\0\0\0\0\x03abc";

type Frames = mpsc::Sender<Result<Frame<Bytes>, Infallible>>;

/// A service that hands each request, and the sender of its response, to the test.
async fn service() -> (SocketAddr, mpsc::Receiver<(Request, Frames)>) {
    let (handed, requests) = mpsc::channel(8);
    let answer = async |State(handed): State<mpsc::Sender<(Request, Frames)>>, request: Request| {
        let (frames, answer) = mpsc::channel(8);
        handed.send((request, frames)).await.unwrap();
        let body = Body::new(StreamBody::new(ReceiverStream::new(answer)));
        Response::builder().header("content-type", "application/grpc").body(body).unwrap()
    };
    let router = Router::new().route("/things.Things/{method}", post(answer)).with_state(handed);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let clock = Arc::new(SystemClock);
        let host = chassis::Host::new(clock.clone(), Arc::new(Ids::seeded(clock, 1)));
        let config = chassis::Config::default();
        chassis::run_until(host, &config, listener, async |_| Ok(router), std::future::pending()).await
    });
    (address, requests)
}

async fn gateway(service: SocketAddr, more: &str) -> Gateway {
    Gateway::start(&format!(
        "[upstreams]\nthings = \"http://{service}\"\n\
         [[routes]]\npath = \"/things.Things\"\nupstream = \"things\"\nmethods = [\"POST\"]\ngrpc = true\nbody = 64\n\
         [[routes]]\npath = \"/things.Things/Follow\"\nupstream = \"things\"\nmethods = [\"POST\"]\ngrpc = true\n\
         stream = true\nin_flight = 1\nshare = \"100%\"\n{more}"
    ))
    .await
}

/// A client with HTTP/2 prior knowledge.
async fn send(gateway: &Gateway, path: &str, body: impl Into<Body>) -> Response {
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let request =
        gateway.request("POST", path).header("content-type", "application/grpc+proto").header("te", "trailers");
    let answered = client.request(request.header("accept-encoding", "gzip").body(body.into()).unwrap());
    timeout(TIMEOUT, answered).await.unwrap().unwrap().map(Body::new)
}

/// The status code in these headers.
fn code(headers: &HeaderMap) -> &str {
    headers.get("grpc-status").map_or("none", |code| code.to_str().unwrap())
}

async fn next(body: &mut Body) -> Frame<Bytes> {
    timeout(TIMEOUT, body.frame()).await.expect("nothing comes").expect("it has ended").unwrap()
}

#[tokio::test]
async fn a_request_is_forwarded_over_http_2_and_its_response_is_streamed_with_trailers() {
    let (service, mut requests) = service().await;
    let gateway = gateway(service, "").await;
    let (response, request) = tokio::join!(send(&gateway, "/things.Things/Get", MESSAGE), requests.recv());
    let (request, frames) = request.unwrap();
    assert_eq!((request.version(), request.headers()["te"].to_str().unwrap()), (Version::HTTP_2, "trailers"));
    assert!(request.headers().contains_key("x-forwarded-for") && request.headers().contains_key("traceparent"));
    assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), MESSAGE);
    assert!(!response.headers().contains_key("content-encoding"));
    let mut body = response.into_body();
    for _ in 0..2 {
        // Longer than the minimum for compression.
        let part = Bytes::from(vec![0; 4096]);
        frames.send(Ok(Frame::data(part.clone()))).await.unwrap();
        assert_eq!(next(&mut body).await.into_data().unwrap(), part);
    }
    let trailers =
        [("grpc-status", "0"), ("x-more", "7")].map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    let trailers: HeaderMap = trailers.into_iter().collect();
    frames.send(Ok(Frame::trailers(trailers.clone()))).await.unwrap();
    assert_eq!(next(&mut body).await.into_trailers().unwrap(), trailers);
    drop(frames);
    assert!(timeout(TIMEOUT, body.frame()).await.unwrap().is_none(), "it ends once");
}

#[tokio::test]
async fn an_answer_that_is_cut_off_ends_with_a_status() {
    let (service, mut requests) = service().await;
    let gateway = gateway(service, "[limits]\ntimeout = \"300ms\"\nstream_idle = \"600ms\"\n").await;
    for how in ["silent", "gone", "draining"] {
        let (response, request) = tokio::join!(send(&gateway, "/things.Things/Follow", MESSAGE), requests.recv());
        let (_, frames) = request.unwrap();
        let mut body = response.into_body();
        frames.send(Ok(Frame::data(MESSAGE.into()))).await.unwrap();
        assert_eq!(next(&mut body).await.into_data().unwrap(), MESSAGE);
        match how {
            "gone" => drop(frames),
            "draining" => gateway.shut_down(),
            // The test keeps the other end, and sends nothing.
            _ => {}
        }
        let trailers = next(&mut body).await.into_trailers().expect("trailers");
        assert_eq!(code(&trailers), "14", "{how}");
        assert!(timeout(TIMEOUT, body.frame()).await.unwrap().is_none());
    }
    gateway.ended().await;
}

#[tokio::test]
async fn a_stream_ends_at_the_service_when_its_client_disconnects_and_releases_its_permit() {
    let (service, mut requests) = service().await;
    let gateway = gateway(service, "").await;
    let (response, request) = tokio::join!(send(&gateway, "/things.Things/Follow", MESSAGE), requests.recv());
    let (_, frames) = request.unwrap();
    let busy = send(&gateway, "/things.Things/Follow", MESSAGE).await;
    assert_eq!(code(busy.headers()), "14", "there is one seat");
    let (_, other) = tokio::join!(send(&gateway, "/things.Things/Get", MESSAGE), requests.recv());
    assert!(other.is_some(), "followers take no permits from other calls");
    drop(response);
    timeout(TIMEOUT, frames.closed()).await.expect("the service still streams to nobody");
    let (again, _) = tokio::join!(send(&gateway, "/things.Things/Follow", MESSAGE), requests.recv());
    assert_eq!(code(again.headers()), "none", "it goes on");
}

#[tokio::test]
async fn errors_of_the_gateway_are_grpc_statuses() {
    let (service, _asked) = service().await;
    let open = gateway(service, "").await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let away = gateway(nobody, "").await;
    let slow = gateway(service, "[limits]\nupload_idle = \"200ms\"\n").await;
    let strict = gateway(service, "[limits]\nrate = \"1/1h\"\n").await;
    send(&strict, "/nowhere", Body::empty()).await;
    drop(timeout(Duration::from_millis(100), send(&strict, "/things.Things/Get", MESSAGE)).await);
    let silent = Body::from_stream(futures_util::stream::pending::<Result<Bytes, Infallible>>());
    for (gateway, path, body, expected) in [
        (&open, "/nowhere.At/All", Body::empty(), "12"),
        (&open, "/things.Things/Get", vec![0; 65].into(), "8"),
        (&away, "/things.Things/Get", MESSAGE.into(), "14"),
        (&slow, "/things.Things/Get", silent, "4"),
        (&strict, "/things.Things/Get", MESSAGE.into(), "8"),
    ] {
        let answer = send(gateway, path, body).await;
        let kind = answer.headers()["content-type"].to_str().unwrap();
        assert_eq!(
            (answer.status().as_u16(), kind, code(answer.headers())),
            (200, "application/grpc", expected),
            "{path}"
        );
        assert!(answer.headers().contains_key("x-trace-id") && answer.headers().contains_key("grpc-message"));
    }
    // Other clients get no gRPC status.
    assert_eq!(open.get("/nowhere").await.status(), 404);
}
