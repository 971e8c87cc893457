//! The hard cases of the cleanmall fleet, on real processes: see `fleet/main.rs`. They share the operations of customers and
//! operators, whose responses are kept for the auditor.

pub mod hostile;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use audit::Operation;
use cleanmall_proof::{CALL, CANCEL, FINISH, FLEET};
use serde_json::{Value, json};
use testkit::{Api, ApiResponse, Fleet, eventually};

/// For whatever should take a moment: generous, as the machine may be building something else.
pub const SOON: Duration = Duration::from_secs(30);

/// For whatever waits until a broker gives the work of a dead consumer to another one.
pub const LATER: Duration = Duration::from_secs(90);

/// The telephone number of all customers.
pub const TEL: &str = "010-2322-1353";

/// The operations of customers and operators.
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

    /// A customer calls for a cleaner at a place.
    pub async fn call(&self, call: i64, place: Option<&str>) -> Result<ApiResponse> {
        let mut body = json!({ "id": call, "tel": TEL, "cost": 200_000 });
        let operation = |status| {
            let operation = Operation::new(CALL, call, status);
            match place {
                Some(place) => operation.with("location", place),
                None => operation,
            }
        };
        if let Some(place) = place {
            body["location"] = place.into();
        }
        let answer = self.api.post("/cleancalls", &body).await;
        self.record(operation(status(&answer)));
        answer
    }

    /// The customer cancels.
    pub async fn cancel(&self, call: i64) -> Result<ApiResponse> {
        let request = self.api.request("DELETE".parse()?, &format!("/cleancalls/{call}"));
        let answer = self.api.send(request).await;
        self.record(Operation::new(CANCEL, call, status(&answer)));
        answer
    }

    /// The work for a call is done.
    pub async fn finish(&self, call: i64) -> Result<ApiResponse> {
        let (path, body) = (format!("/cleanassigns/{call}"), json!({ "status": "finished" }));
        let answer = self.api.with("PATCH".parse()?, &path, &body).await;
        self.record(Operation::new(FINISH, call, status(&answer)));
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

    /// Waits until a call has this status.
    pub async fn becomes(&self, call: i64, status: &str) -> Result<()> {
        self.has(&format!("/cleancalls/{call}"), "status", status).await
    }

    /// Waits until a field of a resource has this value.
    pub async fn has(&self, path: &str, field: &str, expected: &str) -> Result<()> {
        eventually(LATER, &format!("{field} of {path} is {expected}"), async || {
            let found = self.field(path, field).await?;
            ensure!(found == expected, "it is {found}");
            Ok(())
        })
        .await
    }

    /// The items of a list.
    pub async fn all(&self, path: &str) -> Result<Vec<Value>> {
        let name = path.trim_start_matches('/').split('?').next().unwrap_or_default();
        self.api.all(path, name).await
    }

    /// The kinds of the messages about a call, in their order.
    pub async fn told(&self, call: i64) -> Result<Vec<String>> {
        let messages = self.all(&format!("/messages?callId={call}")).await?;
        Ok(messages.iter().filter_map(|message| Some(message["kind"].as_str()?.to_owned())).collect())
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
