//! The hard cases of the storagerent fleet, on real processes: see `fleet/main.rs`. They share the operations of managers and
//! customers, whose responses are kept for the auditor.

pub mod hostile;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use audit::Operation;
use serde_json::{Value, json};
use storagerent_proof::{CANCEL, FLEET, RESERVE, REVIEW};
use testkit::{Api, ApiResponse, Fleet, eventually};

/// For whatever should take a moment: generous, as the machine may be building something else.
pub const SOON: Duration = Duration::from_secs(30);

/// For whatever waits until a broker gives the work of a dead consumer to another one.
pub const LATER: Duration = Duration::from_secs(90);

/// The price of a room, unless it matters.
pub const PRICE: i64 = 200_000;

/// The operations of managers and customers.
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

    /// A manager registers a room.
    pub async fn register(&self, room: i64) -> Result<ApiResponse> {
        let body = json!({ "storageId": room, "description": format!("Room {room}"), "price": PRICE });
        self.api.post("/storages", &body).await
    }

    /// A customer reserves a room.
    pub async fn reserve(&self, reservation: i64, room: i64) -> Result<ApiResponse> {
        let body = json!({ "reservationId": reservation, "storageId": room, "price": PRICE });
        let answer = self.api.post("/reservations", &body).await;
        self.record(Operation::new(RESERVE, reservation, status(&answer)).with("storageId", room));
        answer
    }

    /// The customer cancels.
    pub async fn cancel(&self, reservation: i64) -> Result<ApiResponse> {
        let (path, body) = (format!("/reservations/{reservation}"), json!({ "reservationStatus": "reqCancel" }));
        let answer = self.api.with("PATCH".parse()?, &path, &body).await;
        self.record(Operation::new(CANCEL, reservation, status(&answer)));
        answer
    }

    /// The customer reviews the room.
    pub async fn review(&self, reservation: i64, room: i64) -> Result<ApiResponse> {
        let body = json!({ "storageId": room, "reservationId": reservation, "content": "Dry and clean." });
        let answer = self.api.post("/reviews", &body).await;
        self.record(Operation::new(REVIEW, reservation, status(&answer)));
        answer
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
        self.has(&format!("/reservations/{reservation}"), "reservationStatus", status).await
    }

    /// Waits until a room has this status.
    pub async fn room_becomes(&self, room: i64, status: &str) -> Result<()> {
        self.has(&format!("/storages/{room}"), "storageStatus", status).await
    }

    async fn has(&self, path: &str, field: &str, expected: &str) -> Result<()> {
        eventually(LATER, &format!("{field} of {path} is {expected}"), async || {
            let found = self.field(path, field).await?;
            ensure!(found == expected, "it is {found}");
            Ok(())
        })
        .await
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
