use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use ambient::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Fields, OperationKind};

/// An operation of a client, with the response that it received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// When the response arrived, if that is known.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// The name of the operation.
    #[serde(rename = "what")]
    pub name: String,
    /// The case.
    pub id: i64,
    /// The status of the response; `None` if there was none.
    #[serde(default)]
    pub status: Option<u16>,
    /// The other fields of the operation, such as a price.
    #[serde(flatten)]
    pub fields: BTreeMap<String, Value>,
}

/// Why a client history cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ClientHistoryError {
    /// The file is missing or unreadable.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A line is not an operation.
    #[error("{}: line {line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The cause.
        reason: String,
    },
}

impl Operation {
    /// An operation without further fields.
    pub fn new(name: &str, id: i64, status: Option<u16>) -> Self {
        Self { at: None, name: name.to_owned(), id, status, fields: BTreeMap::new() }
    }

    /// With another field.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(field.to_owned(), value.into());
        self
    }

    /// With the time of the response.
    #[must_use]
    pub const fn at(mut self, at: Timestamp) -> Self {
        self.at = Some(at);
        self
    }

    /// Reads a file with one JSON object per line. Only operations and fields of `kinds` are accepted.
    pub fn read(path: &Path, kinds: &[OperationKind]) -> Result<Vec<Self>, ClientHistoryError> {
        let file = |source| ClientHistoryError::File { path: path.to_owned(), source };
        let text = fs::read_to_string(path).map_err(file)?;
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let operations = lines.map(|(index, line)| {
            let line_error = |reason| ClientHistoryError::Line { path: path.to_owned(), line: index + 1, reason };
            Self::parse(line, kinds).map_err(line_error)
        });
        operations.collect()
    }

    fn parse(line: &str, kinds: &[OperationKind]) -> Result<Self, String> {
        let operation: Self = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let kind = kinds.iter().find(|kind| kind.name == operation.name);
        let kind = kind.ok_or_else(|| {
            let known: Vec<&str> = kinds.iter().map(|kind| kind.name).collect();
            format!("the operation {:?} is unknown; known are {}", operation.name, known.join(", "))
        })?;
        match operation.fields.keys().find(|field| !kind.fields.contains(&field.as_str())) {
            Some(field) => Err(format!("{} has no field {field:?}", kind.name)),
            None => Ok(operation),
        }
    }

    /// The whole number of that name.
    pub fn i64(&self, field: &str) -> Option<i64> {
        self.fields.get(field)?.as_i64()
    }

    /// Whether the response does not determine the outcome: no response, or one that is not from the service itself.
    pub const fn is_unknown(&self) -> bool {
        matches!(self.status, None | Some(500 | 502 | 504))
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Fields = self.fields.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        write!(f, "client: {} {}", self.name, self.id)?;
        if !self.fields.is_empty() {
            write!(f, " {fields}")?;
        }
        match self.status {
            Some(status) => write!(f, ": response {status}"),
            None => write!(f, ": no response"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: &[OperationKind] =
        &[OperationKind { name: "lift", fields: &["weight"] }, OperationKind { name: "lower", fields: &[] }];

    #[test]
    fn an_operation_reads_back_as_it_was_written() {
        let operation = Operation::new("lift", 7, None).with("weight", 50);
        let text = serde_json::to_string(&operation).unwrap();
        assert_eq!(text, r#"{"at":null,"what":"lift","id":7,"status":null,"weight":50}"#);
        assert_eq!(Operation::parse(&text, KINDS), Ok(operation));
        let short = Operation::parse(r#"{"what":"lower","id":1,"status":409}"#, KINDS).unwrap();
        assert_eq!(short.to_string(), "client: lower 1: response 409");
    }

    #[test]
    fn an_unknown_operation_and_an_unknown_field_are_errors() {
        let error = |line: &str| Operation::parse(line, KINDS).unwrap_err();
        assert_eq!(error(r#"{"what":"sink","id":1}"#), r#"the operation "sink" is unknown; known are lift, lower"#);
        assert_eq!(error(r#"{"what":"lift","id":1,"state":201}"#), r#"lift has no field "state""#);
        assert!(error(r#"{"what":"lift"}"#).contains("missing field `id`"));
    }
}
