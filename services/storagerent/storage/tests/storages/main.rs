//! Rooms, holds and reviews on real stores.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what fails here fails the test")]

mod holds;
mod interface;
mod orders;
mod reads;
mod reviews;
mod rooms;

use std::sync::Arc;

use ambient::{Ids, ManualClock, Subject, SystemClock, Timestamp};
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use axum::{Extension, Router};
use chassis::{Host, Principal, Scope};
use clap::Parser;
use context::{Config, Context, NoSettings, Repository};
use events::{Envelope, EventSet, TraceContext, decode, encode};
use identity::Identity;
use messaging::{Messaging, Record, RecordPosition};
use reservation_contract::{ReservationCancelled, ReservationConfirmed, ReservationEvent};
use serde_json::Value;
use storage_contract::{StorageCancelled, StorageEvent, StorageReserved};
use storage_domain::{Attempt, Description, Hold, HoldRefusal, HoldRequest, OtherHold, Registration, Room, Status};
use storage_service::{HoldRow, Reservations, RoomRow, RoomStore, StorageState, Storages};
use store::Store;
use test_stores::TestStore;
use tower::ServiceExt;

/// When all tests take place.
const NOW: Timestamp = Timestamp::from_micros(1_795_246_200_000_000);

/// The price of rooms.
const PRICE: i64 = 200_000;

/// One process of the storage context, without a broker.
#[derive(Clone)]
struct World {
    store: Store,
    host: Host,
    messaging: Messaging,
    clock: Arc<ManualClock>,
    rooms: RoomStore,
    policies: Arc<Reservations>,
}

impl World {
    async fn on(place: &TestStore) -> Self {
        let store = place.open(&[messaging::MIGRATIONS, Storages::MIGRATIONS]).await;
        let (ids, clock) = (Arc::new(Ids::from_entropy(Arc::new(SystemClock))), Arc::new(ManualClock::at(NOW)));
        let host = Host::new(clock.clone(), ids);
        let config = Config::<NoSettings>::parse_from(["storage", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, Storages::NAME, &store, &host);
        let rooms = RoomStore::new(&store, messaging.outbox(), host.clock());
        let policies = Arc::new(Reservations::new(rooms.clone()));
        Self { store, host, messaging, clock, rooms, policies }
    }

    fn repository<R: store::Row>(&self) -> Repository<R> {
        Repository::new(&self.store, self.messaging.outbox(), self.host.clock())
    }

    fn trace(&self) -> TraceContext {
        TraceContext::new(&self.host.ids())
    }

    /// Registers a room with a price.
    async fn register(&self, id: i64) {
        let description = Description::new("BigStorage").unwrap();
        let room = Room::new(id, Registration { description, price: Some(PRICE) });
        assert!(self.rooms.register(&room, self.trace()).await.unwrap());
    }

    async fn hold(&self, storage_id: i64, reservation_id: i64, attempt: i64) -> Result<Hold, HoldRefusal> {
        self.hold_as(storage_id, reservation_id, attempt, None).await
    }

    async fn hold_as(
        &self,
        storage_id: i64,
        reservation_id: i64,
        attempt: i64,
        customer: Option<&str>,
    ) -> Result<Hold, HoldRefusal> {
        let customer = customer.map(|name| Subject::new(name).unwrap());
        let request = HoldRequest { attempt: Attempt { storage_id, reservation_id, attempt }, price: None, customer };
        self.rooms.hold(request, self.trace()).await.unwrap()
    }

    async fn release(&self, storage_id: i64, reservation_id: i64, attempt: i64) -> Result<Hold, OtherHold> {
        let attempt = Attempt { storage_id, reservation_id, attempt };
        self.rooms.release(attempt, self.trace()).await.unwrap()
    }

    /// Holds a room, and makes the hold a reservation of this customer. Returns the number of the hold.
    async fn reserve(&self, storage_id: i64, reservation_id: i64, customer: Option<&str>) -> i64 {
        let hold = self.hold_as(storage_id, reservation_id, 1, customer).await.unwrap();
        self.take(vec![confirmed(&hold)]).await;
        hold.number
    }

    async fn take(&self, records: Vec<Record>) {
        assert_eq!(self.messaging.process(&self.policies, records).await.dead, 0);
    }

    async fn room(&self, id: i64) -> Room {
        self.repository::<RoomRow>().find(&id, &Scope::All).await.unwrap().unwrap()
    }

    async fn status(&self, id: i64) -> Status {
        self.room(id).await.status
    }

    /// What is stored of a reservation.
    async fn known(&self, reservation_id: i64) -> Option<Hold> {
        self.repository::<HoldRow>().find(&reservation_id, &Scope::All).await.unwrap()
    }

    /// The events that the context has staged about a room, without its registration.
    async fn staged(&self, storage_id: i64) -> Vec<StorageEvent> {
        let sql = "SELECT kind, data FROM outbox WHERE subject = $1 ORDER BY seq";
        let query = sqlx::query_as(sql).bind(storage_id.to_string());
        let rows: Vec<(String, String)> = query.fetch_all(self.store.reader()).await.unwrap();
        let events = rows.iter().map(|(kind, data)| decode(kind, data).unwrap().expect("an event of ours"));
        events.filter(|event| !matches!(event, StorageEvent::StorageRegistered(_))).collect()
    }

    /// The response of the context to a principal: the status, and the document.
    async fn call(&self, principal: &Principal, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let (rooms, host) = (self.rooms.clone(), self.host.clone());
        let state = StorageState { rooms, storages: self.repository(), reviews: self.repository(), host };
        let routes = Router::from(Storages::handlers()).with_state(state).layer(Extension(principal.clone()));
        let service = chassis::router(routes, &self.host, &chassis::Config::default());
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = request.body(Body::from(body.to_string())).expect("a request");
        let (head, body) = service.oneshot(request).await.expect("a response").into_parts();
        let body = to_bytes(body, 1 << 16).await.expect("a body");
        (head.status.as_u16(), serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn get(&self, principal: &Principal, path: &str) -> (u16, Value) {
        self.call(principal, Method::GET, path, &Value::Null).await
    }

    async fn post(&self, principal: &Principal, path: &str, body: &Value) -> (u16, Value) {
        self.call(principal, Method::POST, path, body).await
    }

    /// The ids in a list, read in small pages.
    async fn listed(&self, path: &str, rel: &str) -> Vec<i64> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let (mut listed, mut next) = (vec![], Some(format!("{path}{separator}size=2")));
        while let Some(path) = next {
            let (status, page) = self.get(&OPEN, &path).await;
            assert_eq!(status, 200, "{path}: {page}");
            let items = page["_embedded"][rel].as_array().expect("a page");
            listed.extend(items.iter().map(|item| item["id"].as_i64().expect("an id")));
            next = page["_links"]["next"]["href"].as_str().map(str::to_owned);
        }
        listed
    }
}

/// Anybody, while authentication is disabled.
const OPEN: Principal = Principal::Unauthenticated;

fn person(name: &str, roles: &[&str]) -> Principal {
    Principal::User { identity: Identity::new(name, roles.iter().copied()), operator_role: "manager".into() }
}

fn customer(name: &str) -> Principal {
    person(name, &["customer"])
}

/// The last part of the type of a problem.
fn kind(problem: &Value) -> &str {
    problem["type"].as_str().and_then(|kind| kind.rsplit(':').next()).unwrap_or_default()
}

/// The id of an event is its content: equal events are one.
fn record<E: EventSet>(event: &E) -> Record {
    let (kind, data) = encode(event).unwrap();
    let (id, subject) = (format!("{kind} {data}"), event.key().to_string());
    let source = format!("/test/{}", E::CONTEXT);
    let envelope = Envelope { id, source, kind, subject, time: NOW, trace: None, data };
    Record::carrying(&envelope, RecordPosition { topic: format!("test.{}", E::CONTEXT), partition: 0, offset: 0 })
}

fn confirmed(hold: &Hold) -> Record {
    let Hold { reservation_id, attempt, storage_id, number: hold, .. } = *hold;
    let event = ReservationConfirmed { reservation_id, attempt, storage_id, hold, customer: None };
    record(&ReservationEvent::from(event))
}

fn cancelled(hold: &Hold) -> Record {
    let Hold { reservation_id, attempt, storage_id, number: hold, .. } = *hold;
    let event = ReservationCancelled { reservation_id, attempt, storage_id, hold, customer: None };
    record(&ReservationEvent::from(event))
}

/// The event of a hold that is confirmed.
fn reserved(hold: &Hold) -> StorageEvent {
    let Hold { reservation_id, storage_id, number: hold, .. } = *hold;
    StorageReserved { storage_id, hold, reservation_id }.into()
}

/// The event of a room that is free again.
fn freed(hold: &Hold) -> StorageEvent {
    let Hold { reservation_id, storage_id, number: hold, .. } = *hold;
    StorageCancelled { storage_id, hold, reservation_id }.into()
}
