use serde_json::Value;

use crate::Operation;

/// A request of a client.
#[derive(Debug, Clone)]
pub struct Call {
    /// What it is, with its documented responses.
    pub operation: Operation,
    /// The method.
    pub method: &'static str,
    /// The path, with its query.
    pub path: String,
    /// The JSON body.
    pub body: Option<Value>,
    /// The idempotency key.
    pub key: Option<String>,
}

impl Call {
    /// A GET.
    pub fn get(operation: Operation, path: impl Into<String>) -> Self {
        Self { operation, method: "GET", path: path.into(), body: None, key: None }
    }

    /// A POST with a JSON body.
    pub fn post(operation: Operation, path: impl Into<String>, body: Value) -> Self {
        Self { method: "POST", body: Some(body), ..Self::get(operation, path) }
    }

    /// A PATCH with a JSON body.
    pub fn patch(operation: Operation, path: impl Into<String>, body: Value) -> Self {
        Self { method: "PATCH", body: Some(body), ..Self::get(operation, path) }
    }

    /// A DELETE.
    pub fn delete(operation: Operation, path: impl Into<String>) -> Self {
        Self { method: "DELETE", ..Self::get(operation, path) }
    }

    /// With an idempotency key.
    #[must_use]
    pub fn with_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }
}
