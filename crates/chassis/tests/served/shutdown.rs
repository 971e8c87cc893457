use std::convert::Infallible;
use std::future::{pending, ready};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Sse;
use axum::response::sse::Event;
use axum::routing::get;
use chassis::{Config, RunError};
use reqwest::Error;
use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, timeout};
use tokio_stream::StreamExt;

use crate::{DEADLINE, Service};

#[tokio::test]
async fn a_request_in_flight_is_answered_before_background_tasks_are_cancelled() {
    let (arrived, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (at_door, door) = (Arc::clone(&arrived), Arc::clone(&release));
    let (sender, mut events) = mpsc::unbounded_channel();
    let service = Service::start(Config::default(), |host| {
        let stopping = host.stopping();
        let task_sender = sender.clone();
        host.spawn("task", async move {
            stopping.cancelled().await;
            task_sender.send("task ended").unwrap();
        });
        let slow = async move || {
            at_door.notify_one();
            door.notified().await;
            sender.send("answered").unwrap();
            "done"
        };
        Router::new().route("/slow", get(slow))
    })
    .await;
    let request = tokio::spawn(service.client.get(service.url("/slow")).send());
    timeout(DEADLINE, arrived.notified()).await.unwrap();
    let address = service.address;
    let ended = tokio::spawn(service.end());
    let refuses = async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, refuses).await.expect("no new connections are taken");
    release.notify_one();
    let response = timeout(DEADLINE, request).await.unwrap().unwrap().unwrap();
    assert_eq!(response.headers()["connection"], "close");
    assert_eq!(response.text().await.unwrap(), "done");
    ended.await.unwrap().unwrap();
    assert_eq!(
        [events.recv().await, events.recv().await, events.recv().await],
        [Some("answered"), Some("task ended"), None]
    );
}

#[tokio::test]
async fn an_endless_stream_ends_with_the_service() {
    let service = Service::start(Config::default(), |host| {
        let events = move || {
            let events = tokio_stream::once(Event::default().data("first")).chain(tokio_stream::pending());
            let events = host.until_draining(events.map(Ok::<_, Infallible>));
            ready(Sse::new(events))
        };
        Router::new().route("/events", get(events))
    })
    .await;
    let mut events = service.get("/events").await;
    assert_eq!(events.chunk().await.unwrap().unwrap(), "data: first\n\n");
    service.end().await.unwrap();
    assert_eq!(events.chunk().await.unwrap(), None, "the stream ends in order, it is not cut off");
}

#[tokio::test]
async fn while_draining_the_service_is_not_ready_and_still_responds() {
    let has_begun = Arc::new(Notify::new());
    let begun = Arc::clone(&has_begun);
    let config = Config { drain_delay: Duration::from_secs(2), ..Config::default() };
    let service = Service::start(config, move |host| {
        let token = host.draining();
        let stopping = host.stopping();
        host.spawn("watch", async move {
            token.cancelled().await;
            begun.notify_one();
            stopping.cancelled().await;
        });
        Router::new().route("/", get("hello"))
    })
    .await;
    let (client, ready, root) = (service.client.clone(), service.url("/readyz"), service.url("/"));
    assert_eq!(service.get("/readyz").await.status(), 200);
    let ended = tokio::spawn(service.end());
    timeout(DEADLINE, has_begun.notified()).await.unwrap();
    let response = client.get(ready).send().await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["connection"]), (503, &"close".parse().unwrap()));
    let document: serde_json::Value = response.json().await.unwrap();
    assert_eq!(document["status"], "not-ready");
    assert_eq!(client.get(root).send().await.unwrap().text().await.unwrap(), "hello");
    ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_does_not_end_within_the_grace_is_cut_off_and_named() {
    let arrived = Arc::new(Notify::new());
    let at_door = Arc::clone(&arrived);
    let config = Config { shutdown_grace: Duration::from_secs(1), ..Config::default() };
    let service = Service::start(config, |host| {
        host.spawn("stubborn", pending());
        let stopping = host.stopping();
        host.spawn("orderly", async move { stopping.cancelled().await });
        let hang = async move || -> String {
            at_door.notify_one();
            pending().await
        };
        Router::new().route("/hang", get(hang))
    })
    .await;
    let request: tokio::task::JoinHandle<Result<_, Error>> =
        tokio::spawn(service.client.get(service.url("/hang")).send());
    timeout(DEADLINE, arrived.notified()).await.unwrap();
    let error = service.end().await.unwrap_err();
    assert_eq!(error.to_string(), "cut off after 1s (set by SHUTDOWN_GRACE): requests in flight, stubborn");
    assert!(request.await.unwrap().is_err());
}

#[tokio::test]
async fn a_background_task_that_ends_early_stops_the_service_with_an_error() {
    let service = Service::start(Config::default(), |host| {
        host.spawn("relay", async {});
        Router::new()
    })
    .await;
    assert!(matches!(service.ended().await, Err(RunError::TaskEnded("relay"))));
}

#[tokio::test]
async fn a_background_task_that_panics_stops_the_service_with_an_error() {
    let service = Service::start(Config::default(), |host| {
        let stopping = host.stopping();
        host.spawn("orderly", async move { stopping.cancelled().await });
        host.spawn("relay", async { panic!("as intended") });
        Router::new()
    })
    .await;
    assert!(matches!(service.ended().await, Err(RunError::TaskEnded("relay"))));
}

#[tokio::test]
async fn a_service_can_be_shut_down_while_it_is_being_built() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let clock = Arc::new(ambient::SystemClock);
    let host = chassis::Host::new(clock.clone(), Arc::new(ambient::Ids::seeded(clock, 7)));
    let config = Config::default();
    let never = async |host: chassis::Host| {
        let stopping = host.stopping();
        host.spawn("task", async move { stopping.cancelled().await });
        pending::<anyhow::Result<Router>>().await
    };
    let ended = chassis::run_until(host, &config, listener, never, sleep(Duration::from_millis(20)));
    timeout(DEADLINE, ended).await.unwrap().unwrap();
}
