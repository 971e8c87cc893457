//! The account of a shop, fed by events in any order, on real stores.

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
use foodcourt_order_contract::{Canceled, OrderEvent, Ordered};
use identity::Identity;
use messaging::{EventHandler as _, Messaging, Record, RecordPosition};
use serde_json::{Value, json};
use shopaccount_service::{OrderView, ShopViews};
use store::Store;
use test_stores::random::{cases, deliveries};
use test_stores::{TestStore, on_each_store};
use tower::ServiceExt;

/// One process of the context, without a broker.
struct World {
    store: Store,
    host: Host,
    messaging: Messaging,
    rows: Repository<OrderView>,
    live: Live<OrderView>,
    policies: Arc<Projector<OrderView>>,
}

impl World {
    async fn on(place: &TestStore) -> Self {
        let store = place.open(&context::migrations::<ShopViews>()).await;
        let ids = Arc::new(Ids::from_entropy(Arc::new(SystemClock)));
        let host = Host::new(Arc::new(ManualClock::at(Timestamp::from_micros(1))), ids);
        let config = Config::<LiveLimits>::parse_from(["shopaccount", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, ShopViews::NAME, &store, &host);
        let rows = Repository::new(&store, messaging.outbox(), host.clock());
        let limits = LiveLimits { live_streams: 10, live_waiting: 10, live_wait: Duration::from_millis(50) };
        let live = Live::new(rows.clone(), &host, &limits);
        let projector = Projector::new(rows.clone()).notifying(live.subscriptions());
        let policies = Arc::new(projector.numbering_changes());
        Self { store, host, messaging, rows, live, policies }
    }

    async fn get(&self, principal: &Principal, path: &str) -> (u16, Value) {
        let routes = Router::from(ShopViews::handlers()).with_state(self.live.clone());
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
        let items = page["_embedded"]["views"].as_array().unwrap();
        items.iter().map(|item| item["orderId"].as_i64().unwrap()).collect()
    }

    async fn row(&self, order_id: i64) -> Option<OrderView> {
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

fn ordered(order_id: i64, shop_id: i64, customer: &str) -> Record {
    let customer = Some(customer.to_owned());
    record::<OrderEvent>(Ordered { order_id, shop_id, menu_id: 2, qty: 3, price: 1_000, customer }, 10 + order_id)
}

fn canceled(order_id: i64) -> Record {
    record::<OrderEvent>(Canceled { order_id, shop_id: 1 }, 1_000)
}

fn started(order_id: i64) -> Record {
    record::<CookEvent>(CookStarted { order_id, shop_id: 1 }, 2_000)
}

fn cooked(order_id: i64) -> Record {
    record::<CookEvent>(Cooked { order_id, shop_id: 1 }, 3_000)
}

#[test]
fn cooked_may_overtake_anything_and_the_end_is_the_same() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for (id, batches) in (1..).zip(cases(30, deliveries(vec!["ordered", "started", "cooked"]))) {
            for batch in &batches {
                let record = |what: &&str| match *what {
                    "ordered" => ordered(id, 1, "ann"),
                    "started" => started(id),
                    _ => cooked(id),
                };
                world.take(batch.iter().map(record).collect()).await;
            }
            let view = world.row(id).await.unwrap();
            let times = (view.ordered_at, view.cook_started_at, view.cooked_at, view.canceled_at);
            let at = Timestamp::from_micros;
            assert_eq!(times, (10 + id, Some(at(2_000)), Some(at(3_000)), None), "{batches:?}");
            assert_eq!((view.status.as_str(), view.customer.as_deref()), ("cooked", Some("ann")));
        }
    });
}

#[test]
fn what_is_known_is_shown_and_the_rest_is_null() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let shown = async || world.get(&OPEN, "/views/1").await.1;
        world.take(vec![started(1)]).await;
        let view = shown().await;
        assert_eq!((&view["status"], &view["cookStatus"]), (&json!("cook"), &json!("cook")));
        for field in ["menuId", "amount", "orderStatus", "orderedAt", "cookedAt"] {
            assert_eq!(view[field], Value::Null, "{field}");
        }
        world.take(vec![ordered(1, 1, "ann")]).await;
        let view = shown().await;
        assert_eq!((&view["amount"], &view["orderStatus"]), (&json!(3_000), &json!("order")));
        world.take(vec![ordered(2, 1, "ann"), canceled(2)]).await;
        let view = world.get(&OPEN, "/views/2").await.1;
        assert_eq!(
            (&view["status"], &view["orderStatus"], &view["cookStatus"]),
            (&json!("cancel"), &json!("cancel"), &Value::Null)
        );
    });
}

#[test]
fn a_shop_sees_its_own_orders_and_their_totals() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let orders = [(1, 1, "ann"), (2, 1, "bob"), (3, 1, "ann"), (4, 2, "ann")];
        let records = orders.iter().map(|(id, shop, customer)| ordered(*id, *shop, customer));
        world.take(records.chain([started(1), cooked(1), canceled(2)]).collect()).await;
        let shop = |id: i64| user(Identity::new("max", ["shop"]).with_claim("shopId", id.to_string()));
        let ann = user(Identity::new("ann", ["customer"]));
        let totals = |order: i64, cooked: i64, cancel: i64| json!({ "order": order, "cook": 0, "cooked": cooked, "cancel": cancel });
        for (principal, path, expected, expected_totals) in [
            (&OPEN, "/views", vec![1, 2, 3, 4], Value::Null),
            (&OPEN, "/views?shopId=1", vec![1, 2, 3], totals(1, 1, 1)),
            (&OPEN, "/views?shopId=1&size=1", vec![1], totals(1, 1, 1)),
            (&shop(1), "/views?shopId=1", vec![1, 2, 3], totals(1, 1, 1)),
            (&shop(2), "/views?shopId=1", vec![], totals(0, 0, 0)),
            (&shop(2), "/views", vec![4], Value::Null),
            (&ann, "/views?shopId=1", vec![1, 3], totals(1, 1, 0)),
        ] {
            assert_eq!(world.listed(principal, path).await, expected, "{path}");
            assert_eq!(world.get(principal, path).await.1["totals"], expected_totals, "{path}");
        }
        assert_eq!(world.get(&shop(2), "/views/1").await.0, 404);
    });
}

#[test]
fn a_view_that_was_emptied_is_as_before_once_all_events_are_processed_again() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let all = vec![ordered(1, 1, "ann"), started(1), cooked(1), ordered(2, 1, "bob"), canceled(2)];
        world.take(all.clone()).await;
        let before = world.get(&OPEN, "/views?shopId=1").await;
        world.empty().await;
        assert_eq!(world.row(1).await, None);
        world.take(all.into_iter().rev().collect()).await;
        assert_eq!(world.get(&OPEN, "/views?shopId=1").await, before);
    });
}
