//! The board, fed by events in any order, on real stores.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod reads;

use std::sync::Arc;
use std::time::Duration;

use ambient::{Ids, ManualClock, SystemClock, Timestamp};
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::{Extension, Router};
use chassis::{Host, Principal, Scope};
use clap::Parser;
use context::{Config, Context, Live, LiveLimits, Projector, Repository};
use cook_contract::{CookEvent, CookStarted, Cooked};
use events::{Envelope, EventSet, encode};
use identity::Identity;
use messaging::{EventHandler as _, Messaging, Record, RecordPosition};
use notification_service::{Alarm, Alarms};
use serde_json::{Value, json};
use store::Store;
use test_stores::random::{cases, deliveries};
use test_stores::{TestStore, on_each_store};
use tower::ServiceExt;

/// One process of the context, without a broker.
struct World {
    store: Store,
    host: Host,
    messaging: Messaging,
    rows: Repository<Alarm>,
    live: Live<Alarm>,
    policies: Arc<Projector<Alarm>>,
}

impl World {
    async fn on(place: &TestStore) -> Self {
        let store = place.open(&context::migrations::<Alarms>()).await;
        let ids = Arc::new(Ids::from_entropy(Arc::new(SystemClock)));
        let host = Host::new(Arc::new(ManualClock::at(Timestamp::from_micros(1))), ids);
        let config = Config::<LiveLimits>::parse_from(["notification", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, Alarms::NAME, &store, &host);
        let rows = Repository::new(&store, messaging.outbox(), host.clock());
        let limits = LiveLimits { live_streams: 10, live_waiting: 10, live_wait: Duration::from_millis(50) };
        let live = Live::new(rows.clone(), &host, &limits);
        let projector = Projector::new(rows.clone()).notifying(live.subscriptions());
        let policies = Arc::new(projector.numbering_changes());
        Self { store, host, messaging, rows, live, policies }
    }

    async fn get(&self, principal: &Principal, path: &str) -> (u16, Value) {
        let routes = Router::from(Alarms::handlers()).with_state(self.live.clone());
        let routes = routes.layer(Extension(principal.clone()));
        let service = chassis::router(routes, &self.host, &chassis::Config::default());
        let request = Request::get(path).body(Body::empty()).unwrap();
        let (head, body) = service.oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, 1 << 16).await.unwrap();
        (head.status.as_u16(), serde_json::from_slice(&body).unwrap_or_default())
    }

    /// The orders in a list.
    async fn listed(&self, principal: &Principal, path: &str) -> Vec<i64> {
        let (status, page) = self.get(principal, path).await;
        assert_eq!(status, 200, "{path}: {page}");
        let items = page["_embedded"]["alarms"].as_array().unwrap();
        items.iter().map(|item| item["orderId"].as_i64().unwrap()).collect()
    }

    async fn row(&self, order_id: i64) -> Option<Alarm> {
        self.rows.find(&order_id, &Scope::All).await.unwrap()
    }

    async fn take(&self, records: Vec<Record>) {
        assert_eq!(self.messaging.process(&self.policies, records).await.dead, 0);
    }

    /// As a rebuild does it.
    async fn empty(&self) {
        let mut tx = self.store.begin().await.unwrap();
        assert!(self.policies.clear(&mut tx).await.unwrap());
        sqlx::query("DELETE FROM inbox").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }
}

/// Anybody, while authentication is disabled.
const OPEN: Principal = Principal::Unauthenticated;

fn user(identity: Identity) -> Principal {
    Principal::User { identity, operator_role: "operator".into() }
}

/// The id of an event is its content: equal events are one.
fn record<E: EventSet>(event: impl Into<E>, at: i64) -> Record {
    let event = event.into();
    let (kind, data) = encode(&event).unwrap();
    let (id, subject, time) = (format!("{kind} {data}"), event.key().to_string(), Timestamp::from_micros(at));
    let envelope = Envelope { id, source: format!("/test/{}", E::CONTEXT), kind, subject, time, trace: None, data };
    Record::carrying(&envelope, RecordPosition { topic: format!("test.{}", E::CONTEXT), partition: 0, offset: 0 })
}

fn started(order_id: i64) -> Record {
    record::<CookEvent>(CookStarted { order_id, shop_id: 1 }, order_id)
}

fn cooked(order_id: i64, shop_id: i64) -> Record {
    record::<CookEvent>(Cooked { order_id, shop_id }, 10 + order_id)
}

#[test]
fn a_finished_order_is_announced_once_in_every_order_and_repetition_of_its_events() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for (id, batches) in (1..).zip(cases(20, deliveries(vec!["started", "cooked"]))) {
            for batch in &batches {
                let records = batch.iter().map(|what| if *what == "started" { started(id) } else { cooked(id, 1) });
                world.take(records.collect()).await;
            }
            let alarm = world.row(id).await.unwrap();
            assert_eq!((alarm.shop_id, alarm.cooked_at), (1, Timestamp::from_micros(10 + id)), "{batches:?}");
        }
        world.take(vec![started(99)]).await;
        assert_eq!((world.row(99).await, world.listed(&OPEN, "/alarms").await.len()), (None, 20));
    });
}

#[test]
fn the_board_lists_the_finished_orders_newest_first_also_after_a_rebuild() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let all = vec![cooked(2, 1), cooked(3, 2), cooked(1, 1)];
        world.take(all.clone()).await;
        let board = user(Identity::new("bo", ["board"]));
        for _ in 0..2 {
            assert_eq!(world.listed(&board, "/alarms").await, [3, 2, 1]);
            assert_eq!(world.listed(&board, "/alarms?shopId=1").await, [2, 1]);
            world.empty().await;
            assert_eq!(world.row(1).await, None);
            world.take(all.clone()).await;
        }
        let (status, alarm) = world.get(&board, "/alarms/3").await;
        assert_eq!((status, &alarm["message"]), (200, &json!("Order 3 of shop 2 is ready.")));
        for role in ["customer", "shop"] {
            assert_eq!(world.get(&user(Identity::new("kim", [role])), "/alarms").await.0, 403, "{role}");
        }
    });
}
