//! Delivery as the participant of refunds, and the reports of couriers, over HTTP and on real stores.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::sync::Arc;

use ambient::{Ids, SystemClock, Timestamp};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use chassis::{Host, Scope};
use clap::Parser;
use context::{Config, Context, NoSettings, Projector, Repository};
use delivery_domain::{Delivery, Status};
use delivery_service::{Deliveries, DeliveryRow};
use events::{Envelope, EventSet, encode};
use messaging::{Messaging, Record, RecordPosition};
use pizza_order_contract::{OrderEvent, Ordered};
use pizza_payment_contract::{PaymentApproved, PaymentEvent};
use serde_json::{Value, json};
use store::Store;
use test_stores::{TestStore, on_each_store};
use tower::ServiceExt;

/// One process of the delivery context, without a broker.
struct World {
    store: Store,
    host: Host,
    messaging: Messaging,
    deliveries: Repository<DeliveryRow>,
}

impl World {
    async fn on(place: &TestStore) -> Self {
        let store = place.open(&context::migrations::<Deliveries>()).await;
        let host = Host::new(Arc::new(SystemClock), Arc::new(Ids::from_entropy(Arc::new(SystemClock))));
        let config = Config::<NoSettings>::parse_from(["delivery", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, Deliveries::NAME, &store, &host);
        let deliveries = Repository::new(&store, messaging.outbox(), host.clock());
        Self { store, host, messaging, deliveries }
    }

    /// With the order 1, which is established and paid.
    async fn started(place: &TestStore) -> Self {
        let world = Self::on(place).await;
        let (order_id, attempt, price) = (1, 7, 9);
        let ordered = Ordered { order_id, attempt, pizza_id: 10, qty: 1, price, customer: None };
        let records = vec![
            record(&PaymentEvent::from(PaymentApproved { order_id, attempt, price })),
            record(&OrderEvent::from(ordered)),
        ];
        let policies = Arc::new(Projector::new(world.deliveries.clone()));
        assert_eq!(world.messaging.process(&policies, records).await.dead, 0);
        world
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let routes = Router::from(Deliveries::handlers()).with_state(self.deliveries.clone());
        let service = chassis::router(routes, &self.host, &chassis::Config::default());
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let answer = service.oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), 1 << 16).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn refund(&self, path: &str, order: i64, refund: i64) -> (u16, Value) {
        self.send("POST", path, &json!({ "orderId": order, "refund": refund })).await
    }

    async fn report(&self, status: &str) -> u16 {
        self.send("PATCH", "/deliveries/1", &json!({ "deliveryStatus": status })).await.0
    }

    async fn delivery(&self, order: i64) -> Option<Delivery> {
        self.deliveries.find(&order, &Scope::All).await.unwrap()
    }

    async fn published(&self) -> Vec<String> {
        sqlx::query_scalar("SELECT kind FROM outbox ORDER BY seq").fetch_all(self.store.reader()).await.unwrap()
    }
}

fn record<E: EventSet>(event: &E) -> Record {
    let (kind, data) = encode(event).unwrap();
    let (id, subject, time) = (format!("{kind} {data}"), event.key().to_string(), Timestamp::from_micros(1));
    let envelope = Envelope { id, source: format!("/test/{}", E::CONTEXT), kind, subject, time, trace: None, data };
    Record::carrying(&envelope, RecordPosition { topic: format!("test.{}", E::CONTEXT), partition: 0, offset: 0 })
}

#[test]
fn a_refund_is_agreed_to_once_the_pizza_has_arrived_and_each_event_is_published_once() {
    on_each_store(async |place| {
        let world = World::started(place).await;
        let (status, problem) = world.refund("/returns", 1, 9).await;
        assert_eq!((status, problem["type"].as_str().unwrap().ends_with("not-delivered")), (409, true), "{problem}");
        for _ in 0..2 {
            assert_eq!(world.report("Finished").await, 200);
        }
        for _ in 0..2 {
            assert_eq!(world.refund("/returns", 1, 9).await, (200, json!({ "orderId": 1, "attempt": 7 })));
        }
        assert_eq!(world.refund("/returns", 1, 10).await.0, 409);
        assert_eq!(world.report("refundCanceled").await, 200);
        assert_eq!(world.refund("/returns", 1, 10).await.0, 200);
        assert_eq!(world.report("returned").await, 200);
        assert_eq!(world.report("Finished").await, 409);
        let expected = [
            "DeliveryStarted",
            "Delivered",
            "DeliveryRefunded",
            "RefundDeliveryCanceled",
            "DeliveryRefunded",
            "DeliveryReturned",
        ];
        assert_eq!(world.published().await, expected);
    });
}

#[test]
fn a_refund_that_is_withdrawn_before_it_arrives_is_refused_when_it_does() {
    on_each_store(async |place| {
        let world = World::started(place).await;
        assert_eq!(world.report("Finished").await, 200);
        for _ in 0..2 {
            assert_eq!(world.refund("/withdrawals", 1, 9).await.0, 200);
        }
        let (status, problem) = world.refund("/returns", 1, 9).await;
        assert_eq!((status, problem["type"].as_str().unwrap().ends_with("refund-withdrawn")), (409, true), "{problem}");
        assert_eq!(world.delivery(1).await.unwrap().status, Some(Status::Finished));
        assert_eq!(world.refund("/returns", 1, 10).await.0, 200);
        assert_eq!(world.refund("/withdrawals", 1, 10).await.0, 200);
        assert_eq!(world.delivery(1).await.unwrap().status, Some(Status::RefundCanceled));
    });
}

#[test]
fn a_refused_refund_of_an_unknown_order_leaves_no_row_and_a_withdrawal_leaves_its_mark() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let (status, problem) = world.refund("/returns", 5, 9).await;
        assert_eq!((status, problem["type"].as_str().unwrap().ends_with("order-unknown")), (404, true), "{problem}");
        assert_eq!(world.delivery(5).await, None);
        assert_eq!(world.refund("/withdrawals", 5, 9).await.0, 200);
        assert_eq!(world.delivery(5).await.map(|delivery| delivery.withdrawn), Some(9));
        assert_eq!(world.send("GET", "/deliveries/5", &Value::Null).await.0, 404);
        for (body, field) in [(json!({ "orderId": 1 }), "refund"), (json!({ "refund": 1 }), "orderId")] {
            let (status, problem) = world.send("POST", "/returns", &body).await;
            assert_eq!((status, problem["detail"].as_str().unwrap().contains(field)), (422, true), "{problem}");
        }
    });
}
