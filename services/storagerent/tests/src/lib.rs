//! The hard cases of the storagerent fleet, on real processes: see `fleet/main.rs`. They share the operations of managers and
//! customers, whose responses are kept for the auditor.

pub mod hostile;

use std::ops::Deref;

use anyhow::Result;
use audit::Operation;
use serde_json::json;
use storagerent_proof::{CANCEL, FLEET, RESERVE, REVIEW};
use testkit::{Api, ApiResponse, Fleet, RecordingApi};
pub use testkit::{LATER, SOON};

/// The price of a room, unless it matters.
pub const PRICE: i64 = 200_000;

/// The operations of managers and customers.
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

    /// A manager registers a room. The operation is not kept.
    pub async fn register(&self, room: i64) -> Result<ApiResponse> {
        let body = json!({ "storageId": room, "description": format!("Room {room}"), "price": PRICE });
        self.api.post("/storages", &body).await
    }

    /// A customer reserves a room.
    pub async fn reserve(&self, reservation: i64, room: i64) -> Result<ApiResponse> {
        let body = json!({ "reservationId": reservation, "storageId": room, "price": PRICE });
        self.post("/reservations", &body, Operation::new(RESERVE, reservation, None).with("storageId", room)).await
    }

    /// The customer cancels.
    pub async fn cancel(&self, reservation: i64) -> Result<ApiResponse> {
        let (path, body) = (format!("/reservations/{reservation}"), json!({ "reservationStatus": "reqCancel" }));
        self.patch(&path, &body, Operation::new(CANCEL, reservation, None)).await
    }

    /// The customer reviews the room.
    pub async fn review(&self, reservation: i64, room: i64) -> Result<ApiResponse> {
        let body = json!({ "storageId": room, "reservationId": reservation, "content": "Dry and clean." });
        self.post("/reviews", &body, Operation::new(REVIEW, reservation, None)).await
    }

    /// The status of a reservation.
    pub async fn reservation_status(&self, reservation: i64) -> Result<String> {
        self.field(&format!("/reservations/{reservation}"), "reservationStatus").await
    }

    /// The status of a room.
    pub async fn storage_status(&self, room: i64) -> Result<String> {
        self.field(&format!("/storages/{room}"), "storageStatus").await
    }

    /// Waits until a reservation has this status.
    pub async fn becomes(&self, reservation: i64, status: &str) -> Result<()> {
        self.shows(&format!("/reservations/{reservation}"), &[("reservationStatus", status)]).await
    }

    /// Waits until a room has this status.
    pub async fn room_becomes(&self, room: i64, status: &str) -> Result<()> {
        self.shows(&format!("/storages/{room}"), &[("storageStatus", status)]).await
    }
}
