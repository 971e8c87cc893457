//! Kitchens on real stores.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what fails here fails the test")]

mod cancellations;
mod orders;
mod reads;
mod steps;

use std::sync::Arc;

use ambient::{Ids, ManualClock, SystemClock, Timestamp};
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use axum::{Extension, Router};
use chassis::{Host, Principal, Scope};
use clap::Parser;
use context::{Config, Context, NoSettings, Projector, Repository};
use cook_contract::CookEvent;
use cook_domain::{KitchenOrder, Status};
use cook_service::{CookRow, Cooks};
use events::{Envelope, EventSet, decode, encode};
use foodcourt_order_contract::{Canceled, OrderEvent, Ordered};
use identity::Identity;
use messaging::{Messaging, Record, RecordPosition};
use serde_json::{Value, json};
use store::Store;
use test_stores::TestStore;
use tower::ServiceExt;

/// One process of the cook context, without a broker.
#[derive(Clone)]
struct World {
    store: Store,
    host: Host,
    messaging: Messaging,
    cooks: Repository<CookRow>,
    policies: Arc<Projector<CookRow>>,
}

impl World {
    async fn on(place: &TestStore) -> Self {
        let store = place.open(&context::migrations::<Cooks>()).await;
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_000)));
        let host = Host::new(clock, Arc::new(Ids::from_entropy(Arc::new(SystemClock))));
        let config = Config::<NoSettings>::parse_from(["cook", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, Cooks::NAME, &store, &host);
        let cooks = Repository::new(&store, messaging.outbox(), host.clock());
        let policies = Arc::new(Projector::new(cooks.clone()));
        Self { store, host, messaging, cooks, policies }
    }

    async fn take(&self, records: Vec<Record>) {
        assert_eq!(self.messaging.process(&self.policies, records).await.dead, 0);
    }

    async fn order(&self, order_id: i64) -> Option<KitchenOrder> {
        self.cooks.find(&order_id, &Scope::All).await.unwrap()
    }

    async fn status(&self, order_id: i64) -> Option<Status> {
        self.order(order_id).await.map(|order| order.status)
    }

    /// The events that the context has staged about an order.
    async fn staged(&self, order_id: i64) -> Vec<CookEvent> {
        let sql = "SELECT kind, data FROM outbox WHERE subject = $1 ORDER BY seq";
        let query = sqlx::query_as(sql).bind(order_id.to_string());
        let rows: Vec<(String, String)> = query.fetch_all(self.store.reader()).await.unwrap();
        rows.iter().map(|(kind, data)| decode(kind, data).unwrap().expect("an event of ours")).collect()
    }

    /// The response of the context to a principal: the status, and the document.
    async fn call(&self, principal: &Principal, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let routes = Router::from(Cooks::handlers()).with_state(self.cooks.clone()).layer(Extension(principal.clone()));
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

    async fn change(&self, principal: &Principal, order_id: i64, step: &str) -> (u16, Value) {
        self.post(principal, "/cook/statusChange", &json!({ "orderId": order_id, "cookStatus": step })).await
    }

    async fn cancel(&self, order_id: i64) -> (u16, Value) {
        self.post(&Principal::Service, "/cancellations", &json!({ "orderId": order_id, "shopId": 1 })).await
    }

    /// The orders in a list.
    async fn listed(&self, principal: &Principal, path: &str) -> Vec<i64> {
        let (status, page) = self.get(principal, path).await;
        assert_eq!(status, 200, "{path}: {page}");
        let items = page["_embedded"]["cooks"].as_array().expect("a page");
        items.iter().map(|item| item["orderId"].as_i64().expect("an id")).collect()
    }
}

/// Anybody, while authentication is disabled.
const OPEN: Principal = Principal::Unauthenticated;

fn user(identity: Identity) -> Principal {
    Principal::User { identity, operator_role: "operator".into() }
}

fn shop(id: i64) -> Principal {
    user(Identity::new("max", ["shop"]).with_claim("shopId", id.to_string()))
}

fn customer(name: &str) -> Principal {
    user(Identity::new(name, ["customer"]))
}

/// The id of an event is its content: equal events are one.
fn record(event: impl Into<OrderEvent>, at: i64) -> Record {
    let event = event.into();
    let (kind, data) = encode(&event).unwrap();
    let (id, subject, time) = (format!("{kind} {data}"), event.key().to_string(), Timestamp::from_micros(at));
    let envelope = Envelope { id, source: "/test/order".into(), kind, subject, time, trace: None, data };
    Record::carrying(&envelope, RecordPosition { topic: "test.order".into(), partition: 0, offset: 0 })
}

/// An order of ann in this shop, at this time.
fn ordered_at(order_id: i64, shop_id: i64, at: i64) -> Record {
    record(Ordered { order_id, shop_id, menu_id: 1, qty: 2, price: 1_000, customer: Some("ann".into()) }, at)
}

fn ordered(order_id: i64) -> Record {
    ordered_at(order_id, 1, 7)
}

fn canceled(order_id: i64) -> Record {
    record(Canceled { order_id, shop_id: 1 }, 8)
}
