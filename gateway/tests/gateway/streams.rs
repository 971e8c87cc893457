use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::Event;
use axum::routing::get;
use http_body_util::BodyExt;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;

use crate::fixture::{Gateway, Service, TIMEOUT, text};

type Events = mpsc::Sender<Result<Event, Infallible>>;

/// A service that hands the sender of each stream to the test.
async fn service() -> (Service, mpsc::Receiver<Events>) {
    let (handed, streams) = mpsc::channel(8);
    let events = async |State(handed): State<mpsc::Sender<Events>>| {
        let (sender, receiver) = mpsc::channel(8);
        handed.send(sender).await.unwrap();
        Sse::new(ReceiverStream::new(receiver))
    };
    let router = Router::new().route("/things/{id}/events", get(events)).with_state(handed);
    (Service::start(router).await, streams)
}

async fn send_event(events: &Events, data: &str) {
    events.send(Ok(Event::default().data(data))).await.unwrap();
}

async fn next_text(body: &mut Body) -> String {
    let frame = timeout(TIMEOUT, body.frame()).await.unwrap().unwrap().unwrap();
    String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn events_arrive_one_by_one_while_the_stream_is_open() {
    let (service, mut streams) = service().await;
    let gateway = Gateway::to(service.address, "").await;
    let response = gateway.get("/things/5000/events").await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    let events = streams.recv().await.unwrap();
    for data in ["one", "two"] {
        send_event(&events, data).await;
        assert_eq!(next_text(&mut body).await, format!("data: {data}\n\n"));
    }
}

#[tokio::test]
async fn a_stream_ends_at_the_service_when_its_client_disconnects() {
    let (service, mut streams) = service().await;
    let gateway = Gateway::to(service.address, "").await;
    let response = gateway.get("/things/5000/events").await;
    let events = streams.recv().await.unwrap();
    drop(response);
    timeout(TIMEOUT, events.closed()).await.expect("the service still streams to nobody");
}

#[tokio::test]
async fn a_stream_may_be_silent_for_longer_than_an_ordinary_answer_but_not_for_ever() {
    let (service, mut streams) = service().await;
    let gateway = Gateway::to(service.address, "[limits]\ntimeout = \"300ms\"\nstream_idle = \"1200ms\"\n").await;
    let mut body = gateway.get("/things/5000/events").await.into_body();
    let events = streams.recv().await.unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    send_event(&events, "late").await;
    assert_eq!(next_text(&mut body).await, "data: late\n\n");
    let cut = timeout(TIMEOUT, body.frame()).await.expect("the silent stream is still open");
    assert!(cut.unwrap().is_err());
}

#[tokio::test]
async fn at_shutdown_streams_end_and_requests_in_flight_are_answered() {
    let (service, mut streams) = service().await;
    let (arrived, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (arrived, answer) = (Arc::clone(&arrived), Arc::clone(&answer));
        Router::new().route(
            "/slow",
            get(async move || {
                arrived.notify_one();
                answer.notified().await;
                "answered"
            }),
        )
    };
    let slow = Service::start(slow).await;
    let gateway = Gateway::start(&format!(
        "[upstreams]\nthings = \"http://{}\"\nslow = \"http://{}\"\n\
         [[routes]]\npath = \"/things/*/events\"\nupstream = \"things\"\nmethods = [\"GET\"]\nstream = true\n\
         [[routes]]\npath = \"/slow\"\nupstream = \"slow\"\nmethods = [\"GET\"]\n",
        service.address, slow.address
    ))
    .await;
    let stream = gateway.get("/things/5000/events").await.into_body();
    let events = streams.recv().await.unwrap();
    let in_flight = gateway.get("/slow");
    let drained = async {
        arrived.notified().await;
        gateway.shut_down();
        let rest = timeout(TIMEOUT, stream.collect()).await.expect("the stream is still open");
        assert_eq!(rest.expect("the stream was cut instead of ended").to_bytes(), "");
        timeout(TIMEOUT, events.closed()).await.expect("the service still streams to nobody");
        answer.notify_one();
    };
    let (response, ()) = tokio::join!(in_flight, drained);
    assert_eq!(text(response).await, "answered");
    gateway.ended().await;
}

#[tokio::test]
async fn streams_take_no_permits_from_ordinary_requests() {
    let (service, mut streams) = service().await;
    let gateway = Gateway::to(service.address, "[limits]\nin_flight = 1\nshare = \"100%\"\n").await;
    let _open = gateway.get("/things/5000/events").await;
    let _events = streams.recv().await.unwrap();
    assert_eq!(gateway.get("/things/5000/events").await.status(), 503);
    // A 404 of the service: the request was forwarded.
    assert_eq!(gateway.get("/things/5000").await.status(), 404);
}
