//! Messages about reservations, and of managers, on real stores.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod events_in_any_order;
mod over_http;
mod reads;

use std::sync::Arc;

use ambient::{Ids, ManualClock, SystemClock, Timestamp};
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use axum::{Extension, Router};
use chassis::{Host, Principal};
use clap::Parser;
use context::{Config, Context, NoSettings, Repository};
use events::{Envelope, EventSet, encode};
use message_service::{MessageState, Messages, ReservationMessages};
use messaging::{BatchOutcome, Messaging, Record, RecordPosition};
use reservation_contract::{ReservationCancelled, ReservationConfirmed, ReservationEvent};
use serde_json::Value;
use store::Store;
use test_stores::TestStore;
use tower::ServiceExt;

/// When all tests take place.
const NOW: Timestamp = Timestamp::from_micros(1_795_246_200_000_000);

/// One process of the message context, without a broker.
#[derive(Clone)]
struct World {
    store: Store,
    host: Host,
    messaging: Messaging,
    state: MessageState,
    policies: Arc<ReservationMessages>,
}

impl World {
    async fn on(place: &TestStore) -> Self {
        let store = place.open(&[messaging::MIGRATIONS, Messages::MIGRATIONS]).await;
        let ids = Arc::new(Ids::from_entropy(Arc::new(SystemClock)));
        let host = Host::new(Arc::new(ManualClock::at(NOW)), ids);
        let config = Config::<NoSettings>::parse_from(["message", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, Messages::NAME, &store, &host);
        let messages = Repository::new(&store, messaging.outbox(), host.clock());
        let state = MessageState { messages, store: store.clone() };
        let policies = Arc::new(ReservationMessages::new(&store));
        Self { store, host, messaging, state, policies }
    }

    async fn consume(&self, records: Vec<Record>) -> BatchOutcome {
        let outcome = self.messaging.process(&self.policies, records).await;
        assert_eq!(outcome.dead, 0);
        outcome
    }

    async fn send(&self, principal: &Principal, request: Request<Body>) -> (u16, HeaderMap, Value) {
        let routes = Router::from(Messages::handlers()).with_state(self.state.clone());
        let routes = routes.layer(Extension(principal.clone()));
        let service: Router = chassis::router(routes, &self.host, &chassis::Config::default());
        let (head, body) = service.oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        (head.status.as_u16(), head.headers, serde_json::from_slice(&body).unwrap())
    }

    async fn get(&self, principal: &Principal, path: &str) -> (u16, Value) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let (status, _, document) = self.send(principal, request).await;
        (status, document)
    }

    async fn post(&self, principal: &Principal, body: &Value) -> (u16, HeaderMap, Value) {
        let request = Request::post("/messages").header("content-type", "application/json");
        self.send(principal, request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// The contents of the messages on this page and all that follow it.
    async fn listed(&self, principal: &Principal, first: &str) -> Vec<String> {
        let (mut listed, mut next) = (vec![], Some(first.to_owned()));
        while let Some(path) = next {
            let (_, page) = self.get(principal, &path).await;
            let items = page["_embedded"]["messages"].as_array().unwrap();
            listed.extend(items.iter().map(|item| item["content"].as_str().unwrap().to_owned()));
            next = page["_links"]["next"]["href"].as_str().map(str::to_owned);
        }
        listed
    }

    /// All messages about these reservations, oldest first.
    async fn about(&self, reservations: std::ops::RangeInclusive<i64>) -> Vec<String> {
        let sql = "SELECT content FROM messages WHERE reservation_id BETWEEN $1 AND $2 ORDER BY message_id";
        let query = sqlx::query_scalar(sql).bind(*reservations.start()).bind(*reservations.end());
        query.fetch_all(self.store.reader()).await.unwrap()
    }
}

/// The customer of a reservation.
fn customer_of(reservation_id: i64) -> String {
    format!("customer {reservation_id}")
}

/// The room of a reservation: all of them have one of three.
const fn room_of(reservation_id: i64) -> i64 {
    reservation_id % 3 + 1
}

fn record(event: &ReservationEvent, time: Timestamp) -> Record {
    let (kind, data) = encode(event).unwrap();
    let (id, subject) = (format!("{kind} {data}"), event.key().to_string());
    let envelope = Envelope { id, source: "/test/reservation".into(), kind, subject, time, trace: None, data };
    Record::carrying(&envelope, RecordPosition { topic: "test.reservation".into(), partition: 0, offset: 0 })
}

fn confirmed(reservation_id: i64, attempt: i64) -> Record {
    let (storage_id, customer) = (room_of(reservation_id), Some(customer_of(reservation_id)));
    let event = ReservationConfirmed { reservation_id, attempt, storage_id, hold: attempt, customer };
    record(&event.into(), NOW)
}

fn cancelled(reservation_id: i64, attempt: i64) -> Record {
    let (storage_id, customer) = (room_of(reservation_id), Some(customer_of(reservation_id)));
    let event = ReservationCancelled { reservation_id, attempt, storage_id, hold: attempt, customer };
    record(&event.into(), NOW)
}

/// The content of the message about a reservation.
fn content(reservation_id: i64, status: &str) -> String {
    format!("The reservation {reservation_id} of room {} is {status}.", room_of(reservation_id))
}
