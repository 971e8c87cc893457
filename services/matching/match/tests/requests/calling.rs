//! What match shows payment of itself.

use std::sync::{Arc, Mutex, PoisonError};

use axum::routing::post;
use axum::{Json, Router};
use clap::Parser;
use context::ServiceClient;
use context::saga::{Participant as _, Reply};
use http::HeaderMap;
use identity::{INTERNAL_TOKEN_HEADER, KeyPair, SERVICES, TokenVerifier, USERS};
use match_service::{Matches, payment};
use serde_json::json;
use test_stores::on_sqlite;
use tokio::net::TcpListener;

use crate::{Config, NOW, World, first};

/// The headers of every call that reaches payment.
type Seen = Arc<Mutex<Vec<HeaderMap>>>;

fn config(arguments: &[&str]) -> Config {
    Config::parse_from(["match", "--fleet", "test"].iter().chain(arguments))
}

/// A payment that says yes to whatever it is asked: its address, and what it has seen.
async fn approving() -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    let yes = async move |headers: HeaderMap| {
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(headers);
        Json(json!({}))
    };
    let routes = Router::new().route("/approvals", post(yes.clone())).route("/cancellations", post(yes));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (url, seen)
}

/// An approval and a cancellation, as payment sees them.
async fn calls(world: &World, key: &[&str]) -> Vec<HeaderMap> {
    let (url, seen) = approving().await;
    let config = config(&[&["--payment-url", &url], key].concat());
    let client = ServiceClient::new("match", "payment", &url, &config.own.saga.calls, &world.host).expect("a client");
    let payments = payment(client);
    assert_eq!(payments.execute(&mut first(1, 10), &world.trace()).await, Reply::Done);
    assert_eq!(payments.compensate(&first(1, 10)).await, Ok(()));
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(seen.len(), 2);
    seen
}

#[test]
fn with_a_key_every_call_carries_a_pass_that_says_match_and_no_person() {
    on_sqlite(async |place| {
        let world = World::on(place).await;
        let file = place.folder().join("match.pem");
        let KeyPair { private, public } = KeyPair::generate().unwrap();
        std::fs::write(&file, private).unwrap();
        let (services, persons) =
            (TokenVerifier::new(&public, SERVICES).unwrap(), TokenVerifier::new(&public, USERS).unwrap());
        for headers in calls(&world, &["--call-key-file", file.to_str().unwrap()]).await {
            let pass = headers[INTERNAL_TOKEN_HEADER].to_str().unwrap();
            let identity = services.read(pass, NOW).unwrap();
            assert_eq!((identity.subject.as_str(), identity.roles.len()), ("match", 0));
            assert!(persons.read(pass, NOW).is_err());
        }
    });
}

#[test]
fn without_a_key_no_call_carries_a_pass() {
    on_sqlite(async |place| {
        let world = World::on(place).await;
        for headers in calls(&world, &[]).await {
            assert!(!headers.contains_key(INTERNAL_TOKEN_HEADER));
        }
    });
}

#[test]
fn a_key_that_is_none_is_named_and_so_is_one_that_is_missing_where_others_want_it() {
    on_sqlite(async |place| {
        let world = World::on(place).await;
        let file = place.folder().join("broken.pem");
        std::fs::write(&file, KeyPair::generate().unwrap().public).unwrap();
        let calls = config(&["--call-key-file", file.to_str().unwrap()]).own.saga.calls;
        let broken = ServiceClient::new("match", "payment", "http://127.0.0.1:1", &calls, &world.host);
        let broken = format!("{:#}", broken.err().unwrap());
        assert!(broken.starts_with("SERVICE_SIGNING_KEY_FILE: ") && broken.contains("broken.pem"), "{broken}");

        let trusting = config(&["--pass-key-file", "gateway.pem", "--store-url", &place.config().store_url]);
        let refused = context::build::<Matches>(trusting, world.host.clone()).await.unwrap_err().to_string();
        assert!(
            refused.starts_with("INTERNAL_TOKEN_PUBLIC_KEY_FILE is set and SERVICE_SIGNING_KEY_FILE is not"),
            "{refused}"
        );
    });
}
