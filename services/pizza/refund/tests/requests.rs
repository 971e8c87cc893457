//! The request of a refund over HTTP, on real stores, with a delivery that replies as it is told.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ambient::{Ids, SystemClock};
use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use chassis::Host;
use chassis::problem::Problem;
use clap::Parser;
use context::saga::{NotCompensated, Participant, Reply, Requests, Saga};
use context::{Config, Context, Repository, Updater};
use delivery_contract::{DeliveryEvent, RefundDeliveryCanceled};
use events::{Envelope, EventSet, TraceContext, encode};
use messaging::{Messaging, Record, RecordPosition};
use refund_domain::Attempt;
use refund_service::{RefundRow, RefundSaga, Refunds, Settings};
use serde_json::{Value, json};
use store::Store;
use test_stores::{TestStore, eventually, on_each_store};
use tower::ServiceExt;

/// A delivery that agrees unless it is told otherwise.
#[derive(Default)]
struct Delivery {
    replies: Mutex<VecDeque<Reply<Problem>>>,
    asked: Mutex<Vec<i64>>,
    withdrawn: Mutex<Vec<i64>>,
}

#[async_trait]
impl Participant<RefundSaga> for Delivery {
    fn unavailable_for(&self) -> Option<Duration> {
        None
    }

    async fn execute(&self, attempt: &mut Attempt, _: &TraceContext) -> Reply<Problem> {
        self.asked.lock().unwrap().push(attempt.number);
        let reply = self.replies.lock().unwrap().pop_front().unwrap_or(Reply::Done);
        if reply == Reply::Done {
            attempt.order_attempt = Some(7);
        }
        reply
    }

    async fn compensate(&self, attempt: &Attempt) -> Result<(), NotCompensated> {
        self.withdrawn.lock().unwrap().push(attempt.number);
        Ok(())
    }
}

/// One process of the refund context, without a broker.
struct World {
    store: Store,
    host: Host,
    messaging: Messaging,
    delivery: Arc<Delivery>,
    saga: Arc<Saga<RefundSaga>>,
    requests: Requests<RefundSaga>,
}

impl World {
    async fn on(place: &TestStore) -> Self {
        let store = place.open(&context::migrations::<Refunds>()).await;
        let host = Host::new(Arc::new(SystemClock), Arc::new(Ids::from_entropy(Arc::new(SystemClock))));
        let config = Config::<Settings>::parse_from(["refund", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, Refunds::NAME, &store, &host);
        let (delivery, outbox) = (Arc::new(Delivery::default()), messaging.outbox());
        let participants = vec![Arc::clone(&delivery) as Arc<dyn Participant<RefundSaga>>];
        let saga = Arc::new(Saga::new(participants, &store, outbox.clone(), &host, Duration::from_secs(3)).unwrap());
        let rows = Repository::<RefundRow>::new(&store, outbox, host.clock());
        let requests = Requests::new(Arc::clone(&saga), rows, &host);
        Self { store, host, messaging, delivery, saga, requests }
    }

    fn delivery_replies(&self, reply: Reply<Problem>) {
        self.delivery.replies.lock().unwrap().push_back(reply);
    }

    async fn send(&self, request: Request<Body>) -> (u16, Value) {
        let routes = Router::from(Refunds::handlers()).with_state(self.requests.clone());
        let service = chassis::router(routes, &self.host, &chassis::Config::default());
        let answer = service.oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), 1 << 16).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn refund(&self, reason: &str, key: Option<&str>) -> (u16, Value) {
        let request = Request::post("/refunds").header("content-type", "application/json");
        let request = key.into_iter().fold(request, |request, key| request.header("idempotency-key", key));
        let body = json!({ "orderId": 1, "reason": reason }).to_string();
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// The status and the reason of the refund, as clients see it.
    async fn shown(&self) -> Option<(String, String)> {
        let (status, document) = self.send(Request::get("/refunds/1").body(Body::empty()).unwrap()).await;
        let text = |name: &str| document[name].as_str().unwrap().to_owned();
        (status == 200).then(|| (text("refundStatus"), text("reason")))
    }

    /// The courier cancels the return.
    async fn return_is_canceled(&self) {
        let refund = *self.delivery.asked.lock().unwrap().last().unwrap();
        let event = DeliveryEvent::from(RefundDeliveryCanceled { order_id: 1, attempt: 7, refund });
        let (kind, data) = encode(&event).unwrap();
        let (id, source, subject) = (format!("{kind} {data}"), "/test/delivery".to_owned(), event.key().to_string());
        let envelope = Envelope { id, source, kind, subject, time: self.host.clock().now(), trace: None, data };
        let position = RecordPosition { topic: "test.delivery".to_owned(), partition: 0, offset: 0 };
        let policies = Arc::new(Updater::new(self.requests.rows().clone()));
        let processed = self.messaging.process(&policies, vec![Record::carrying(&envelope, position)]).await;
        assert_eq!(processed.dead, 0);
    }

    async fn published(&self) -> Vec<String> {
        sqlx::query_scalar("SELECT kind FROM outbox ORDER BY seq").fetch_all(self.store.reader()).await.unwrap()
    }
}

fn seen(status: &str, reason: &str) -> (String, String) {
    (status.to_owned(), reason.to_owned())
}

fn refused() -> Reply<Problem> {
    Reply::Declined(Problem::new(StatusCode::CONFLICT, "not-delivered", "The order is not delivered"))
}

#[test]
fn a_refund_is_established_once_and_repeated_under_its_key_alone() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let (status, document) = world.refund("too late", Some("one")).await;
        assert_eq!((status, &document["refundStatus"]), (201, &json!("refunded")));
        assert_eq!(world.refund("too late", Some("one")).await.0, 200);
        for (reason, key) in [("too late", None), ("cold", None), ("too late", Some("two")), ("cold", Some("three"))] {
            let (status, problem) = world.refund(reason, key).await;
            // A new key for what is established has its answer, as the reason is the same.
            let expected = if (reason, key) == ("too late", Some("two")) { 200 } else { 409 };
            assert_eq!(status, expected, "{reason}, {key:?}: {problem}");
        }
        assert_eq!(world.delivery.asked.lock().unwrap().len(), 1);
        assert_eq!(world.published().await, ["Refunded"]);
    });
}

#[test]
fn what_delivery_declines_or_does_not_receive_leaves_nothing() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for (reply, expected) in [(refused(), 409), (Reply::NotSent(Duration::from_secs(1)), 503)] {
            world.delivery_replies(reply);
            assert_eq!(world.refund("too late", None).await.0, expected);
            assert_eq!(world.shown().await, None);
        }
        let rows: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM refunds").fetch_one(world.store.reader()).await.unwrap();
        assert_eq!((rows, world.published().await.len()), (0, 0));
    });
}

#[test]
fn an_unknown_outcome_is_completed_when_delivery_replies_and_withdrawn_if_it_declines() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.delivery_replies(Reply::Unknown);
        assert_eq!(world.refund("too late", None).await.0, 504);
        assert_eq!(world.shown().await, None);
        assert_eq!(world.saga.recover_due().await.unwrap(), 1);
        assert_eq!(world.shown().await, Some(seen("refunded", "too late")));

        let other = World::on(place).await;
        world.return_is_canceled().await;
        for reply in [Reply::Unknown, refused()] {
            other.delivery_replies(reply);
        }
        assert_eq!(other.refund("cold", None).await.0, 504);
        // Until the lease has ended that the repeated call had.
        eventually("the refund is withdrawn", async || other.saga.recover_due().await.unwrap() == 1).await;
        assert_eq!(other.delivery.withdrawn.lock().unwrap().len(), 1);
        assert_eq!(other.shown().await, Some(seen("refundCanceled", "too late")), "the refund before");
    });
}

#[test]
fn a_second_refund_follows_a_cancelled_one_which_is_shown_until_then() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        assert_eq!(world.refund("too late", None).await.0, 201);
        world.return_is_canceled().await;
        assert_eq!(world.shown().await, Some(seen("refundCanceled", "too late")));
        for (reply, expected) in [(refused(), 409), (Reply::NotSent(Duration::from_secs(1)), 503)] {
            world.delivery_replies(reply);
            assert_eq!(world.refund("cold", None).await.0, expected);
            assert_eq!(world.shown().await, Some(seen("refundCanceled", "too late")), "nothing has changed");
        }
        assert_eq!(world.refund("cold", None).await.0, 201);
        assert_eq!(world.shown().await, Some(seen("refunded", "cold")));
        let asked = world.delivery.asked.lock().unwrap().clone();
        assert!(asked.windows(2).all(|pair| pair[0] < pair[1]), "{asked:?}");
        assert_eq!(world.published().await, ["Refunded", "RefundCanceled", "Refunded"]);
    });
}
