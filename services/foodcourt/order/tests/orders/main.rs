//! Menus, orders and cancellations on real stores, with a kitchen that replies as the test sets it.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what fails here fails the test")]

mod cancelling;
mod kitchen;
mod menus;
mod placing;
mod reads;
mod saga;
mod steps;

use std::sync::Arc;
use std::time::Duration;

use ambient::{Ids, ManualClock, SystemClock, Timestamp};
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use axum::{Extension, Router};
use chassis::{AuthSettings, Host, Principal};
use clap::Parser;
use context::saga::{Requests, Saga};
use context::{Config, Context, Parts, Updater};
use cook_contract::CookEvent;
use events::{Envelope, EventSet, decode, encode};
use foodcourt_order_contract::OrderEvent;
use foodcourt_order_service::{CancelSaga, CookedRow, OrderState, OrderStore, Orders, Settings};
use identity::Identity;
use messaging::{Messaging, Record, RecordPosition};
use serde_json::{Value, json};
use store::Store;
use test_stores::TestStore;
use tower::ServiceExt;

use kitchen::Scripted;

/// When all tests begin.
const NOW: Timestamp = Timestamp::from_micros(1_795_246_200_000_000);

/// How long a cancellation may be pending until the recovery takes it over.
const RECOVER_AFTER: Duration = Duration::from_secs(3);

/// One process of the order context, without a broker.
#[derive(Clone)]
struct World {
    store: Store,
    host: Host,
    messaging: Messaging,
    clock: Arc<ManualClock>,
    kitchen: Arc<Scripted>,
    saga: Arc<Saga<CancelSaga>>,
    state: OrderState,
    updater: Arc<Updater<CookedRow>>,
}

impl World {
    async fn on(place: &TestStore) -> Self {
        let store = place.open(&context::migrations::<Orders>()).await;
        let clock = Arc::new(ManualClock::at(NOW));
        let host = Host::new(clock.clone(), Arc::new(Ids::from_entropy(Arc::new(SystemClock))));
        let config = Config::<Settings>::parse_from(["order", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, Orders::NAME, &store, &host);
        let parts = Parts {
            name: Orders::NAME,
            trust: AuthSettings::default(),
            settings: config.own,
            host: host.clone(),
            store: store.clone(),
            messaging: messaging.clone(),
        };
        let kitchen = Arc::<Scripted>::default();
        let saga = Saga::new(vec![kitchen.clone()], &store, messaging.outbox(), &host, RECOVER_AFTER).unwrap();
        let saga = Arc::new(saga);
        let cancellations = Requests::new(saga.clone(), parts.repository(), &host);
        let state = OrderState { store: OrderStore::new(&parts), cancellations, host: host.clone() };
        let updater = Arc::new(Updater::new(parts.repository()));
        Self { store, host, messaging, clock, kitchen, saga, state, updater }
    }

    async fn take(&self, events: impl IntoIterator<Item = CookEvent>) {
        let records = events.into_iter().map(|event| record(&event)).collect();
        assert_eq!(self.messaging.process(&self.updater, records).await.dead, 0);
    }

    /// The events that the context has staged about an order.
    async fn staged(&self, order_id: i64) -> Vec<OrderEvent> {
        let sql = "SELECT kind, data FROM outbox WHERE subject = $1 ORDER BY seq";
        let query = sqlx::query_as(sql).bind(order_id.to_string());
        let rows: Vec<(String, String)> = query.fetch_all(self.store.reader()).await.unwrap();
        rows.iter().map(|(kind, data)| decode(kind, data).unwrap().expect("an event of ours")).collect()
    }

    /// The response of the context to a principal: the status, and the document.
    async fn call(&self, principal: &Principal, method: Method, path: &str, body: &Value) -> (u16, Value) {
        self.call_with(principal, method, path, body, &[]).await
    }

    async fn call_with(
        &self,
        principal: &Principal,
        method: Method,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> (u16, Value) {
        let routes =
            Router::from(Orders::handlers()).with_state(self.state.clone()).layer(Extension(principal.clone()));
        let service = chassis::router(routes, &self.host, &chassis::Config::default());
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
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

    /// A customer orders dish 1 of shop 1.
    async fn order(&self, principal: &Principal, order_id: i64) -> (u16, Value) {
        let body =
            json!({ "orderId": order_id, "shopId": 1, "menuId": 1, "qty": 1, "price": 1_000, "status": "order" });
        self.post(principal, "/orders/order", &body).await
    }

    async fn cancel(&self, principal: &Principal, order_id: i64) -> (u16, Value) {
        self.post(principal, "/orders/cancel", &json!({ "orderId": order_id, "status": "cancel" })).await
    }

    /// The status of an order, and whether its cancellation is undecided.
    async fn status(&self, order_id: i64) -> (String, bool) {
        let (status, order) = self.get(&OPEN, &format!("/orders/{order_id}")).await;
        assert_eq!(status, 200, "{order}");
        (order["status"].as_str().unwrap().to_owned(), order["cancellation"] == "undecided")
    }

    /// The orders in a list.
    async fn listed(&self, principal: &Principal, path: &str) -> Vec<i64> {
        let (status, page) = self.get(principal, path).await;
        assert_eq!(status, 200, "{path}: {page}");
        let items = page["_embedded"]["orders"].as_array().expect("a page");
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

fn operator() -> Principal {
    user(Identity::new("olga", ["operator"]))
}

/// The field that a problem names.
fn pointer(problem: &Value) -> &str {
    problem["errors"][0]["pointer"].as_str().unwrap_or_default()
}

fn record(event: &CookEvent) -> Record {
    let (kind, data) = encode(event).unwrap();
    let (id, subject) = (format!("{kind} {data}"), EventSet::key(event).to_string());
    let envelope = Envelope { id, source: "/test/cook".into(), kind, subject, time: NOW, trace: None, data };
    Record::carrying(&envelope, RecordPosition { topic: "test.cook".into(), partition: 0, offset: 0 })
}
