use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::kept::{about, entries};

/// What a context asks another one over HTTP, and what it understands of the answers: `asks/CALLEE.json` in its folder.
#[derive(Debug, Clone)]
pub struct Asks {
    /// Who asks: the name of the folder.
    pub asker: String,
    /// Where it is written.
    pub file: PathBuf,
    /// One for each answer that makes a difference.
    pub interactions: Vec<Interaction>,
}

/// One request and one answer to it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interaction {
    /// What it is about.
    pub case: String,
    /// How things must stand with whoever answers; its test knows these words.
    pub given: String,
    /// What is asked.
    pub request: Request,
    /// What is answered, as far as it is read.
    pub answer: Answer,
    /// What the asker makes of it; its test knows these words.
    pub understood: String,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Such as `POST`.
    pub method: String,
    /// Such as `/things`.
    pub path: String,
    /// All of the body.
    pub body: Value,
}

/// What is answered, as far as it is read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The members of the body that are read, with a value of the right kind each.
    #[serde(default)]
    pub body: Map<String, Value>,
}

impl Asks {
    /// What the context in `folder` asks `callee`.
    ///
    /// # Errors
    ///
    /// If the file is not there, or not to be understood.
    pub fn of(folder: &Path, callee: &str) -> Result<Self, String> {
        let folder = folder.canonicalize().map_err(|error| about(folder, &error))?;
        let file = folder.join("asks").join(format!("{callee}.json"));
        let text = fs::read_to_string(&file).map_err(|error| about(&file, &error))?;
        let interactions = serde_json::from_str(&text).map_err(|error| about(&file, &error))?;
        let asker = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        Ok(Self { asker, file, interactions })
    }

    /// What all contexts in the folder of a fleet ask `callee`.
    ///
    /// # Errors
    ///
    /// If a file is not to be understood.
    pub fn all(fleet: &Path, callee: &str) -> Result<Vec<Self>, String> {
        let asking = entries(fleet)?.into_iter().filter(|folder| folder.join(format!("asks/{callee}.json")).exists());
        asking.map(|folder| Self::of(&folder, callee)).collect()
    }
}

impl Interaction {
    /// What of its answer `callee` did not give when it was asked.
    pub fn unkept(&self, asker: &str, callee: &str, status: u16, body: &Value) -> Vec<String> {
        let Self { case, request: Request { method, path, .. }, answer, .. } = self;
        let says = |what: String| {
            format!(
                "{asker} asks {callee} {method} {path} ({case}) and understands {what}; {callee} answered {status} {body}"
            )
        };
        let mut wrong = Vec::new();
        if status != answer.status {
            wrong.push(says(format!("status {}", answer.status)));
        }
        let missing =
            answer.body.iter().filter(|(name, value)| body.get(name).is_none_or(|found| !alike(value, found)));
        wrong.extend(missing.map(|(name, value)| says(format!("`{name}` as in {value}"))));
        wrong
    }
}

/// Whether both are of one kind: what is read is there, whatever it says today.
fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.is_f64() || !other.is_f64(),
        (Value::Object(one), Value::Object(other)) => {
            one.iter().all(|(name, value)| other.get(name).is_some_and(|found| alike(value, found)))
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
            "answer": { "status": 200, "body": { "millimetres": 3, "wind": { "from": "west" } } },
            "understood": "rain",
        }))
        .unwrap();
        let unkept = |status, body: Value| interaction.unkept("gardener", "weather", status, &body);
        assert_eq!(unkept(200, json!({ "millimetres": 5, "wind": { "from": "east" }, "more": 1 })), [""; 0]);
        let told = unkept(201, json!({ "millimetres": 5.5, "wind": { "to": "east" } }));
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(
            told[0].starts_with(
                "gardener asks weather POST /forecasts (rain is coming) and understands status 200; weather"
            )
        );
        assert!(told[1].contains("`millimetres` as in 3;") && told[2].contains("`wind` as in"), "{told:?}");
    }
}
