use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::files::{entries, file_error};

/// The HTTP requests of a context to another one, and what it reads of the responses: `interactions/CALLEE.json` in its folder.
#[derive(Debug, Clone)]
pub struct Interactions {
    /// The caller: the name of the folder.
    pub principal: String,
    /// The file.
    pub file: PathBuf,
    /// One for each response that the caller distinguishes.
    pub interactions: Vec<Interaction>,
}

/// A request and a response to it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interaction {
    /// A description.
    pub case: String,
    /// The state of the callee; a keyword of its test.
    pub given: String,
    /// The request.
    pub request: Request,
    /// The expected response.
    pub response: ExpectedResponse,
    /// The conclusion of the caller; a keyword of its test.
    pub understood: String,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Such as `POST`.
    pub method: String,
    /// Such as `/things`.
    pub path: String,
    /// The whole body.
    pub body: Value,
}

/// The part of a response that the caller reads.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedResponse {
    /// The status.
    pub status: u16,
    /// The members of the body that are read, each with a sample value.
    #[serde(default)]
    pub body: Map<String, Value>,
}

impl Interactions {
    /// Reads the interactions of the context in `folder` with `callee`.
    ///
    /// # Errors
    ///
    /// If the file is missing or invalid.
    pub fn of(folder: &Path, callee: &str) -> Result<Self, String> {
        let folder = folder.canonicalize().map_err(|error| file_error(folder, &error))?;
        let file = folder.join("interactions").join(format!("{callee}.json"));
        let text = fs::read_to_string(&file).map_err(|error| file_error(&file, &error))?;
        let interactions = serde_json::from_str(&text).map_err(|error| file_error(&file, &error))?;
        let principal = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        Ok(Self { principal, file, interactions })
    }

    /// Reads the interactions of all contexts of a fleet with `callee`.
    ///
    /// # Errors
    ///
    /// If a file is invalid.
    pub fn all(fleet: &Path, callee: &str) -> Result<Vec<Self>, String> {
        let asking =
            entries(fleet)?.into_iter().filter(|folder| folder.join(format!("interactions/{callee}.json")).exists());
        asking.map(|folder| Self::of(&folder, callee)).collect()
    }
}

impl Interaction {
    /// The differences between the expected response and that of `callee`.
    pub fn violations(&self, principal: &str, callee: &str, status: u16, body: &Value) -> Vec<String> {
        let Self { case, request: Request { method, path, .. }, response, .. } = self;
        let describe = |what: String| {
            format!(
                "{principal} asks {callee} {method} {path} ({case}) and understands {what}; {callee} answered {status} {body}"
            )
        };
        let mut wrong = Vec::new();
        if status != response.status {
            wrong.push(describe(format!("status {}", response.status)));
        }
        let missing =
            response.body.iter().filter(|(name, value)| body.get(name).is_none_or(|found| !same_kind(value, found)));
        wrong.extend(missing.map(|(name, value)| describe(format!("`{name}` as in {value}"))));
        wrong
    }
}

/// Whether both values have the same type, recursively.
fn same_kind(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.is_f64() || !other.is_f64(),
        (Value::Object(one), Value::Object(other)) => {
            one.iter().all(|(name, value)| other.get(name).is_some_and(|found| same_kind(value, found)))
        }
        (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_must_have_the_status_and_members_of_the_kinds_that_are_read() {
        let interaction: Interaction = serde_json::from_value(json!({
            "case": "rain is coming",
            "given": "clouds",
            "request": { "method": "POST", "path": "/forecasts", "body": { "place": 7 } },
            "response": { "status": 200, "body": { "millimetres": 3, "wind": { "from": "west" } } },
            "understood": "rain",
        }))
        .unwrap();
        let violations = |status, body: Value| interaction.violations("gardener", "weather", status, &body);
        assert_eq!(violations(200, json!({ "millimetres": 5, "wind": { "from": "east" }, "more": 1 })), [""; 0]);
        let told = violations(201, json!({ "millimetres": 5.5, "wind": { "to": "east" } }));
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(
            told[0].starts_with(
                "gardener asks weather POST /forecasts (rain is coming) and understands status 200; weather"
            )
        );
        assert!(told[1].contains("`millimetres` as in 3;") && told[2].contains("`wind` as in"), "{told:?}");
    }
}
