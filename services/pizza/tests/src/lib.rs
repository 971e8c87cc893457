//! The hard cases of the pizza fleet, on real processes: see `fleet/main.rs`. They share the operations of customers and
//! couriers, whose responses are kept for the auditor.

pub mod hostile;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use audit::Operation;
use pizza_proof::{CANCEL, DELIVER, FLEET, ORDER, REFUND};
use serde_json::{Value, json};
use testkit::{Api, ApiResponse, Fleet, eventually};

/// For whatever should take a moment: generous, as the machine may be building something else.
pub const SOON: Duration = Duration::from_secs(30);

/// For whatever waits until a broker gives the work of a dead consumer to another one.
pub const LATER: Duration = Duration::from_secs(90);

/// The pizza of an order, unless it matters.
pub const PIZZA: i64 = 10;

/// The operations of customers and couriers.
#[derive(Debug, Clone)]
pub struct People {
    /// The client that sends their requests.
    pub api: Api,
    history: Arc<Mutex<Vec<Operation>>>,
}

impl People {
    /// Through the gateway, without authentication.
    pub fn of(fleet: &Fleet) -> Result<Self> {
        Ok(Self::with(fleet.gateway()?))
    }

    /// With this client.
    pub fn with(api: Api) -> Self {
        Self { api, history: Arc::default() }
    }

    /// A customer orders a pizza.
    pub async fn order(&self, order: i64) -> Result<ApiResponse> {
        let answer = self.api.post("/orders", &json!({ "id": order, "pizzaId": PIZZA, "qty": 1 })).await;
        self.record(Operation::new(ORDER, order, status(&answer)).with("pizzaId", PIZZA).with("qty", 1));
        answer
    }

    /// The customer cancels.
    pub async fn cancel(&self, order: i64) -> Result<ApiResponse> {
        let answer = self.patch(&format!("/orders/{order}"), &json!({ "status": "cancel" })).await;
        self.record(Operation::new(CANCEL, order, status(&answer)));
        answer
    }

    /// The courier hands the pizza over.
    pub async fn deliver(&self, order: i64) -> Result<ApiResponse> {
        let answer = self.report(order, "Finished").await;
        self.record(Operation::new(DELIVER, order, status(&answer)));
        answer
    }

    /// The courier reports a status.
    pub async fn report(&self, order: i64, status: &str) -> Result<ApiResponse> {
        self.patch(&format!("/deliveries/{order}"), &json!({ "deliveryStatus": status })).await
    }

    /// The customer requests a refund.
    pub async fn refund(&self, order: i64) -> Result<ApiResponse> {
        let answer = self.api.post("/refunds", &json!({ "orderId": order, "reason": "delivery error" })).await;
        self.record(Operation::new(REFUND, order, status(&answer)));
        answer
    }

    /// A customer orders a pizza, and it is delivered.
    pub async fn order_and_deliver(&self, order: i64) -> Result<()> {
        eventually(LATER, "it is ordered", async || {
            let answer = self.order(order).await?;
            ensure!(matches!(answer.status, 200 | 201), "{}: {}", answer.status, answer.body);
            Ok(())
        })
        .await?;
        eventually(LATER, "it is delivered", async || self.deliver(order).await?.must_be(200).map(drop)).await
    }

    async fn patch(&self, path: &str, body: &Value) -> Result<ApiResponse> {
        self.api.with("PATCH".parse()?, path, body).await
    }

    /// A field of a resource; "none" if there is no such resource, or no text in the field.
    pub async fn field(&self, path: &str, field: &str) -> Result<String> {
        let answer = self.api.get(path).await?;
        match answer.status {
            200 => Ok(answer.body[field].as_str().unwrap_or("none").to_owned()),
            404 => Ok("none".to_owned()),
            status => bail!("{path} answered {status}: {}", answer.body),
        }
    }

    /// Waits until a resource has these texts in its fields. Without such a resource they are "none".
    pub async fn shows(&self, path: &str, expected: &[(&str, &str)]) -> Result<()> {
        eventually(LATER, &format!("{path} shows {expected:?}"), async || {
            for (field, value) in expected {
                let found = self.field(path, field).await?;
                ensure!(found == *value, "{field} is {found}");
            }
            Ok(())
        })
        .await
    }

    /// Waits until the status of an order is this one.
    pub async fn order_becomes(&self, order: i64, status: &str) -> Result<()> {
        self.shows(&format!("/orders/{order}"), &[("status", status)]).await
    }

    /// Waits until the status of a delivery is this one.
    pub async fn delivery_becomes(&self, order: i64, status: &str) -> Result<()> {
        self.shows(&format!("/deliveries/{order}"), &[("deliveryStatus", status)]).await
    }

    /// Waits until the status of a coupon is this one.
    pub async fn coupon_becomes(&self, order: i64, status: &str) -> Result<()> {
        self.shows(&format!("/coupons/{order}"), &[("couponStatus", status)]).await
    }

    /// Waits until the status of a refund is this one.
    pub async fn refund_becomes(&self, order: i64, status: &str) -> Result<()> {
        self.shows(&format!("/refunds/{order}"), &[("refundStatus", status)]).await
    }

    /// The items of a list.
    pub async fn all(&self, path: &str) -> Result<Vec<Value>> {
        self.api.all(path, path.trim_start_matches('/')).await
    }

    /// Waits until the fleet is at rest. Then all laws must hold, with the responses that these people have received.
    pub async fn assert_laws(&self, fleet: &Fleet) -> Result<()> {
        fleet.decided(&FLEET, LATER).await?;
        fleet.settled(LATER).await?;
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let report = fleet.audit(&FLEET, &history).await?;
        ensure!(report.holds(), "{report}");
        Ok(())
    }

    fn record(&self, operation: Operation) {
        self.history.lock().unwrap_or_else(PoisonError::into_inner).push(operation);
    }
}

fn status(answer: &Result<ApiResponse>) -> Option<u16> {
    answer.as_ref().ok().map(|answer| answer.status)
}
