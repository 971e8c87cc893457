//! Why a routes file is rejected.

use thiserror::Error;

/// Why a routes file is rejected.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// The text is not TOML, a value has the wrong type, or a key is unknown.
    #[error("line {line} ({text}): {reason}")]
    Syntax {
        /// The line number, from 1.
        line: usize,
        /// The text of the line.
        text: String,
        /// The reason.
        reason: String,
    },
    /// The value of a key is not allowed.
    #[error("{key}: {reason}")]
    Value {
        /// The key, such as `routes[2].upstream`.
        key: String,
        /// The reason.
        reason: String,
    },
}

pub(super) fn invalid(key: impl Into<String>, reason: impl Into<String>) -> ConfigError {
    ConfigError::Value { key: key.into(), reason: reason.into() }
}

pub(super) fn syntax(text: &str, error: &toml::de::Error) -> ConfigError {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = text.get(..start).unwrap_or_default().matches('\n').count();
    let shown = text.lines().nth(line).unwrap_or_default().trim().to_owned();
    ConfigError::Syntax { line: line + 1, text: shown, reason: error.message().replace('\n', " ") }
}
