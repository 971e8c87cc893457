//! The hard cases of the foodcourt fleet, on real processes: see `fleet/main.rs`. They share the operations of customers and
//! kitchens, whose responses are kept for the auditor.

pub mod hostile;

use std::ops::Deref;

use anyhow::{Result, ensure};
use audit::Operation;
use foodcourt_proof::{CANCEL, FINISH, FLEET, ORDER, TAKE};
use serde_json::json;
use testkit::{Api, ApiResponse, Fleet, RecordingApi, eventually};
pub use testkit::{LATER, SOON};

/// The price of dish 1 of shop 1.
pub const PRICE: i64 = 1_000;

/// The operations of customers and kitchens.
#[derive(Debug, Clone)]
pub struct People(RecordingApi);

impl Deref for People {
    type Target = RecordingApi;

    fn deref(&self) -> &RecordingApi {
        &self.0
    }
}

impl People {
    /// Through the gateway, without authentication.
    pub fn of(fleet: &Fleet) -> Result<Self> {
        Ok(Self::with(fleet.gateway()?))
    }

    /// With this client.
    pub fn with(api: Api) -> Self {
        Self(RecordingApi::new(api, &FLEET))
    }

    /// A customer orders dish 1 of shop 1.
    pub async fn order(&self, order: i64) -> Result<ApiResponse> {
        self.order_of(order, 1).await
    }

    /// A customer orders dish 1 of a shop, whose price is not named.
    pub async fn order_of(&self, order: i64, shop: i64) -> Result<ApiResponse> {
        let body = json!({ "orderId": order, "shopId": shop, "menuId": 1, "qty": 1 });
        let operation = Operation::new(ORDER, order, None).with("shopId", shop).with("menuId", 1).with("qty", 1);
        self.post("/orders/order", &body, operation).await
    }

    /// The customer cancels.
    pub async fn cancel(&self, order: i64) -> Result<ApiResponse> {
        let body = json!({ "orderId": order, "status": "cancel" });
        self.post("/orders/cancel", &body, Operation::new(CANCEL, order, None)).await
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
        let body = json!({ "orderId": order, "cookStatus": step });
        self.post("/cook/statusChange", &body, Operation::new(operation, order, None)).await
    }

    /// The kitchen takes an order, once it has received it.
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
}
