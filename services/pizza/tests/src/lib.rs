//! The hard cases of the pizza fleet, on real processes: see `fleet/main.rs`. They share the operations of customers and
//! couriers, whose responses are kept for the auditor.

pub mod hostile;

use std::ops::Deref;

use anyhow::{Result, ensure};
use audit::Operation;
use pizza_proof::{CANCEL, DELIVER, FLEET, ORDER, REFUND};
use serde_json::json;
use testkit::{Api, ApiResponse, Fleet, RecordingApi, eventually};
pub use testkit::{LATER, SOON};

/// The pizza of an order, unless it matters.
pub const PIZZA: i64 = 10;

/// The operations of customers and couriers.
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

    /// A customer orders a pizza.
    pub async fn order(&self, order: i64) -> Result<ApiResponse> {
        let operation = Operation::new(ORDER, order, None).with("pizzaId", PIZZA).with("qty", 1);
        self.post("/orders", &json!({ "id": order, "pizzaId": PIZZA, "qty": 1 }), operation).await
    }

    /// The customer cancels.
    pub async fn cancel(&self, order: i64) -> Result<ApiResponse> {
        let operation = Operation::new(CANCEL, order, None);
        self.patch(&format!("/orders/{order}"), &json!({ "status": "cancel" }), operation).await
    }

    /// The courier hands the pizza over.
    pub async fn deliver(&self, order: i64) -> Result<ApiResponse> {
        let (path, body) = (format!("/deliveries/{order}"), json!({ "deliveryStatus": "Finished" }));
        self.patch(&path, &body, Operation::new(DELIVER, order, None)).await
    }

    /// The courier reports a status. The operation is not kept.
    pub async fn report(&self, order: i64, status: &str) -> Result<ApiResponse> {
        let (path, body) = (format!("/deliveries/{order}"), json!({ "deliveryStatus": status }));
        self.api.with("PATCH".parse()?, &path, &body).await
    }

    /// The customer requests a refund.
    pub async fn refund(&self, order: i64) -> Result<ApiResponse> {
        let operation = Operation::new(REFUND, order, None);
        self.post("/refunds", &json!({ "orderId": order, "reason": "delivery error" }), operation).await
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
}
