//! The page of a room, fed by events in all orders, on real stores.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what fails here fails the test")]

mod following;
mod over_http;
mod reads;

use std::sync::Arc;
use std::time::Duration;

use ambient::{Ids, ManualClock, SystemClock, Timestamp};
use axum::body::Body;
use axum::http::{Request, Response};
use axum::{Extension, Router};
use chassis::{Host, Principal, Scope};
use clap::Parser;
use context::{Config, Context, Live, LiveLimits, Projector, Repository};
use events::{Envelope, EventSet, encode};
use messaging::{EventHandler, Messaging, Record, RecordPosition};
use reservation_contract::{
    ReservationCancelRequested, ReservationCancelled, ReservationConfirmed, ReservationCreated, ReservationEvent,
};
use storage_contract::{
    ReviewWritten, StorageCancelled, StorageEvent, StorageModified, StorageRegistered, StorageReserved,
};
use storagerent_payment_contract::{PaymentApproved, PaymentCancelled, PaymentEvent};
use store::Store;
use test_stores::random::{cases, deliveries, one};
use test_stores::{TestStore, on_each_store};
use tower::ServiceExt;
use viewpage_service::{StorageView, StorageViews};

/// One process of the viewpage context, without a broker.
#[derive(Clone)]
struct World {
    store: Store,
    host: Host,
    messaging: Messaging,
    pages: Repository<StorageView>,
    live: Live<StorageView>,
    policies: Arc<Projector<StorageView>>,
}

impl World {
    async fn on(place: &TestStore) -> Self {
        let store = place.open(&[messaging::MIGRATIONS, StorageViews::MIGRATIONS]).await;
        let ids = Arc::new(Ids::from_entropy(Arc::new(SystemClock)));
        let host = Host::new(Arc::new(ManualClock::at(Timestamp::from_micros(1))), ids);
        let config = Config::<LiveLimits>::parse_from(["viewpage", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, StorageViews::NAME, &store, &host);
        let pages = Repository::new(&store, messaging.outbox(), host.clock());
        let limits = LiveLimits { live_streams: 10, live_waiting: 10, live_wait: Duration::from_millis(50) };
        let live = Live::new(pages.clone(), &host, &limits);
        let policies = Arc::new(Projector::new(pages.clone()).notifying(live.subscriptions()));
        Self { store, host, messaging, pages, live, policies }
    }

    async fn get(&self, principal: &Principal, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
        let routes = Router::from(StorageViews::handlers()).with_state(self.live.clone());
        let service: Router =
            chassis::router(routes.layer(Extension(principal.clone())), &self.host, &chassis::Config::default());
        let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
        service.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn page(&self, room: i64) -> Option<StorageView> {
        self.pages.find(&room, &Scope::All).await.unwrap()
    }

    /// As a rebuild does it.
    async fn empty(&self) {
        let mut tx = self.store.begin().await.unwrap();
        assert!(self.policies.clear(&mut tx).await.unwrap());
        sqlx::query("DELETE FROM inbox").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn consume(&self, records: Vec<Record>) {
        assert_eq!(self.messaging.process(&self.policies, records).await.dead, 0);
    }
}

fn record<E: EventSet>(event: impl Into<E>) -> Record {
    let event = event.into();
    let (kind, data) = encode(&event).unwrap();
    let (id, subject, time) = (format!("{kind} {data}"), event.key().to_string(), Timestamp::from_micros(7));
    let envelope = Envelope { id, source: format!("/test/{}", E::CONTEXT), kind, subject, time, trace: None, data };
    Record::carrying(&envelope, RecordPosition { topic: format!("test.{}", E::CONTEXT), partition: 0, offset: 0 })
}

fn registered(storage_id: i64) -> Record {
    let description = "BigStorage".to_owned();
    record::<StorageEvent>(StorageRegistered { storage_id, version: 1, description, price: Some(100) })
}

fn modified(storage_id: i64) -> Record {
    let description = "SmallStorage".to_owned();
    record::<StorageEvent>(StorageModified { storage_id, version: 2, description, price: Some(200) })
}

fn reviewed(storage_id: i64) -> Record {
    let (review_id, reservation_id) = (storage_id, storage_id * 10 + 1);
    record::<StorageEvent>(ReviewWritten { storage_id, review_id, reservation_id, review_cnt: 1, customer: None })
}

/// The events of a hold until its room is reserved. Its reservation is numbered by the room and the hold.
fn reserved(storage_id: i64, hold: i64) -> [Record; 4] {
    let (reservation_id, attempt, price) = (storage_id * 10 + hold, 1, 100);
    let created = ReservationCreated { reservation_id, attempt, storage_id, hold, price, customer: None };
    let confirmed = ReservationConfirmed { reservation_id, attempt, storage_id, hold, customer: None };
    [
        record::<PaymentEvent>(PaymentApproved { reservation_id, attempt, storage_id, hold, price }),
        record::<ReservationEvent>(created),
        record::<ReservationEvent>(confirmed),
        record::<StorageEvent>(StorageReserved { storage_id, hold, reservation_id }),
    ]
}

/// The events of its cancellation.
fn cancelled(storage_id: i64, hold: i64) -> [Record; 4] {
    let (reservation_id, attempt, price) = (storage_id * 10 + hold, 1, 100);
    let requested = ReservationCancelRequested { reservation_id, attempt, storage_id, hold };
    let cancelled = ReservationCancelled { reservation_id, attempt, storage_id, hold, customer: None };
    [
        record::<ReservationEvent>(requested),
        record::<PaymentEvent>(PaymentCancelled { reservation_id, attempt, storage_id, hold, price }),
        record::<ReservationEvent>(cancelled),
        record::<StorageEvent>(StorageCancelled { storage_id, hold, reservation_id }),
    ]
}

/// A room is registered, reserved, reviewed, cancelled, changed and reserved again.
fn story(room: i64) -> Vec<Record> {
    let registration = [registered(room), modified(room), reviewed(room)];
    [&registration[..], &reserved(room, 1), &cancelled(room, 1), &reserved(room, 2)].concat()
}

/// The page at the end of it.
fn end(room: i64) -> StorageView {
    StorageView {
        storage_id: room,
        version: 2,
        description: Some("SmallStorage".into()),
        price: Some(200),
        deleted: false,
        review_cnt: 1,
        hold: 2,
        reservation_id: Some(room * 10 + 2),
        storage_status: "reserved".into(),
        reservation_status: "reserved".into(),
        payment_status: "approved".into(),
    }
}

#[test]
fn every_order_and_repetition_of_events_ends_in_one_page() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let indices: Vec<usize> = (0..story(1).len()).collect();
        for (room, batches) in (1..).zip(cases(40, deliveries(indices))) {
            let story = story(room);
            for batch in &batches {
                world.consume(batch.iter().map(|index| story[*index].clone()).collect()).await;
            }
            assert_eq!(world.page(room).await, Some(end(room)), "{batches:?}");
        }
    });
}

#[test]
fn two_processes_that_receive_the_same_events_in_other_orders_end_in_the_same_pages() {
    on_each_store(async |place| {
        let worlds = [World::on(place).await, World::on(place).await];
        let all: Vec<Record> = (1..=12).flat_map(story).collect();
        let mut consumers = vec![];
        for world in &worlds {
            let (world, batches) = (world.clone(), one(deliveries(all.clone())));
            consumers.push(tokio::spawn(async move {
                for batch in batches {
                    world.consume(batch).await;
                }
            }));
        }
        for consumer in consumers {
            consumer.await.unwrap();
        }
        for room in 1..=12 {
            assert_eq!(worlds[0].page(room).await, Some(end(room)));
        }
    });
}

#[test]
fn a_view_that_was_emptied_is_as_before_once_all_events_are_processed_again() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let all: Vec<Record> = (1..=5).flat_map(story).collect();
        world.consume(all.clone()).await;
        world.empty().await;
        assert_eq!(world.page(1).await, None);
        for batch in one(deliveries(all)) {
            world.consume(batch).await;
        }
        for room in 1..=5 {
            assert_eq!(world.page(room).await, Some(end(room)));
        }
    });
}
