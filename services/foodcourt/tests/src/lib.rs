//! The hard cases of the foodcourt fleet, on real processes: see `fleet/main.rs`. They share the operations of customers and
//! kitchens, whose responses are kept for the auditor.

pub mod hostile;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use audit::Operation;
use foodcourt_proof::{CANCEL, FINISH, FLEET, ORDER, TAKE};
use serde_json::{Value, json};
use testkit::{Api, ApiResponse, Fleet, eventually};

/// For whatever should take a moment: generous, as the machine may be building something else.
pub const SOON: Duration = Duration::from_secs(30);

/// For whatever waits until a broker gives the work of a dead consumer to another one.
pub const LATER: Duration = Duration::from_secs(90);

/// The price of dish 1 of shop 1.
pub const PRICE: i64 = 1_000;

/// The operations of customers and kitchens.
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

    /// A customer orders dish 1 of shop 1.
    pub async fn order(&self, order: i64) -> Result<ApiResponse> {
        self.order_of(order, 1).await
    }

    /// A customer orders dish 1 of a shop, whose price is not named.
    pub async fn order_of(&self, order: i64, shop: i64) -> Result<ApiResponse> {
        let body = json!({ "orderId": order, "shopId": shop, "menuId": 1, "qty": 1 });
        let answer = self.api.post("/orders/order", &body).await;
        let operation = Operation::new(ORDER, order, status(&answer));
        self.record(operation.with("shopId", shop).with("menuId", 1).with("qty", 1));
        answer
    }

    /// The customer cancels.
    pub async fn cancel(&self, order: i64) -> Result<ApiResponse> {
        let answer = self.api.post("/orders/cancel", &json!({ "orderId": order, "status": "cancel" })).await;
        self.record(Operation::new(CANCEL, order, status(&answer)));
        answer
    }

    /// The kitchen takes an order.
    pub async fn take(&self, order: i64) -> Result<ApiResponse> {
        self.step(order, "cook", TAKE).await
    }

    /// The kitchen finishes an order.
    pub async fn finish(&self, order: i64) -> Result<ApiResponse> {
        self.step(order, "cooked", FINISH).await
    }

    async fn step(&self, order: i64, step: &str, operation: &'static str) -> Result<ApiResponse> {
        let answer = self.api.post("/cook/statusChange", &json!({ "orderId": order, "cookStatus": step })).await;
        self.record(Operation::new(operation, order, status(&answer)));
        answer
    }

    /// The kitchen takes an order, once it has heard of it.
    pub async fn take_soon(&self, order: i64) -> Result<ApiResponse> {
        eventually(LATER, "the kitchen takes it", async || self.take(order).await?.must_be(200)).await
    }

    /// The status of an order, and whether its cancellation is undecided.
    pub async fn state(&self, order: i64) -> Result<(String, bool)> {
        let body = self.api.get(&format!("/orders/{order}")).await?.must_be(200)?.body;
        Ok((body["status"].as_str().unwrap_or_default().to_owned(), body["cancellation"] == "undecided"))
    }

    /// Waits until an order has this status, and its cancellation is decided.
    pub async fn becomes(&self, order: i64, status: &str) -> Result<()> {
        eventually(LATER, &format!("order {order} is {status}"), async || {
            let (found, undecided) = self.state(order).await?;
            ensure!(found == status && !undecided, "it is {found}, undecided: {undecided}");
            Ok(())
        })
        .await
    }

    /// Waits until a field of a resource has this value.
    pub async fn shows(&self, path: &str, field: &str, value: Value) -> Result<()> {
        eventually(LATER, &format!("{field} of {path} is {value}"), async || {
            let answer = self.api.get(path).await?;
            match answer.status {
                200 => ensure!(answer.body[field] == value, "{}", answer.body),
                404 => bail!("it is not there yet"),
                status => bail!("{path} answered {status}: {}", answer.body),
            }
            Ok(())
        })
        .await
    }

    /// The items of a list.
    pub async fn all(&self, path: &str) -> Result<Vec<Value>> {
        let rel = path.trim_start_matches('/').split('?').next().unwrap_or_default();
        self.api.all(path, rel).await
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
