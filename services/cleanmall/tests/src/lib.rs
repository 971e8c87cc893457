//! The hard cases of the cleanmall fleet, on real processes: see `fleet/main.rs`. They share the operations of customers and
//! operators, whose responses are kept for the auditor.

pub mod hostile;

use std::ops::Deref;

use anyhow::Result;
use audit::Operation;
use cleanmall_proof::{CALL, CANCEL, FINISH, FLEET};
use serde_json::json;
use testkit::{Api, ApiResponse, Fleet, RecordingApi};
pub use testkit::{LATER, SOON};

/// The telephone number of all customers.
pub const TEL: &str = "010-2322-1353";

/// The operations of customers and operators.
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

    /// A customer calls for a cleaner at a place.
    pub async fn call(&self, call: i64, place: Option<&str>) -> Result<ApiResponse> {
        let mut body = json!({ "id": call, "tel": TEL, "cost": 200_000 });
        let mut operation = Operation::new(CALL, call, None);
        if let Some(place) = place {
            body["location"] = place.into();
            operation = operation.with("location", place);
        }
        self.post("/cleancalls", &body, operation).await
    }

    /// The customer cancels.
    pub async fn cancel(&self, call: i64) -> Result<ApiResponse> {
        let request = self.api.request("DELETE".parse()?, &format!("/cleancalls/{call}"));
        self.send(request, Operation::new(CANCEL, call, None)).await
    }

    /// The work for a call is done.
    pub async fn finish(&self, call: i64) -> Result<ApiResponse> {
        let (path, body) = (format!("/cleanassigns/{call}"), json!({ "status": "finished" }));
        self.patch(&path, &body, Operation::new(FINISH, call, None)).await
    }

    /// Waits until a call has this status.
    pub async fn becomes(&self, call: i64, status: &str) -> Result<()> {
        self.shows(&format!("/cleancalls/{call}"), &[("status", status)]).await
    }

    /// The kinds of the messages about a call, in their order.
    pub async fn messages(&self, call: i64) -> Result<Vec<String>> {
        let messages = self.all(&format!("/messages?callId={call}")).await?;
        Ok(messages.iter().filter_map(|message| Some(message["kind"].as_str()?.to_owned())).collect())
    }
}
