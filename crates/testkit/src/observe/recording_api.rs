//! A client whose operations are kept for the auditor.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, bail, ensure};
use audit::Operation;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::fleet::Fleet;
use crate::observe::{Api, ApiResponse, LATER, eventually};

/// A client of a fleet that keeps its operations, with the statuses of their responses, for the auditor. Clones share them.
#[derive(Debug, Clone)]
pub struct RecordingApi {
    /// The client. Its requests are not kept.
    pub api: Api,
    declaration: &'static audit::Fleet,
    history: Arc<Mutex<Vec<Operation>>>,
}

impl RecordingApi {
    /// No operation is kept yet. `declaration` has the laws.
    pub fn new(api: Api, declaration: &'static audit::Fleet) -> Self {
        Self { api, declaration, history: Arc::default() }
    }

    /// Sends a request, and keeps it as this operation.
    pub async fn send(&self, request: RequestBuilder, operation: Operation) -> Result<ApiResponse> {
        let answer = self.api.send(request).await;
        let status = answer.as_ref().ok().map(|answer| answer.status);
        self.history.lock().unwrap_or_else(PoisonError::into_inner).push(Operation { status, ..operation });
        answer
    }

    /// Sends a POST with a JSON body, and keeps it as this operation.
    pub async fn post(&self, path: &str, body: &Value, operation: Operation) -> Result<ApiResponse> {
        self.send(self.api.request(Method::POST, path).json(body), operation).await
    }

    /// Sends a PATCH with a JSON body, and keeps it as this operation.
    pub async fn patch(&self, path: &str, body: &Value, operation: Operation) -> Result<ApiResponse> {
        self.send(self.api.request(Method::PATCH, path).json(body), operation).await
    }

    /// A field of a resource as text: "none" if there is no such resource, or nothing in the field.
    pub async fn field(&self, path: &str, field: &str) -> Result<String> {
        let answer = self.api.get(path).await?;
        match (answer.status, &answer.body[field]) {
            (200, Value::String(text)) => Ok(text.clone()),
            (200, Value::Null) | (404, _) => Ok("none".to_owned()),
            (200, value) => Ok(value.to_string()),
            (status, _) => bail!("{path} answered {status}: {}", answer.body),
        }
    }

    /// Waits until the fields of a resource have these values, as [`RecordingApi::field`] reads them.
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

    /// All items of a list. The last part of its path is also the name of the items.
    pub async fn all(&self, path: &str) -> Result<Vec<Value>> {
        let name = path.trim_start_matches('/').split('?').next().unwrap_or_default();
        self.api.all(path, name).await
    }

    /// Waits until the fleet is at rest. Then all laws must hold, with the operations of this client.
    pub async fn assert_laws(&self, fleet: &Fleet) -> Result<()> {
        fleet.decided(self.declaration, LATER).await?;
        fleet.settled(LATER).await?;
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let report = fleet.audit(self.declaration, &history).await?;
        ensure!(report.holds(), "{report}");
        Ok(())
    }
}
