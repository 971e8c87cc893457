//! Why a declaration is invalid or cannot be read.

use std::io;
use std::path::PathBuf;

/// Why a declaration is invalid.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The text is not TOML.
    #[error("line {line}: {reason}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The message of the parser.
        reason: String,
    },
    /// A field is missing, unknown or invalid.
    #[error("{field}: {reason}")]
    Field {
        /// The field, such as `context.crane.port`.
        field: String,
        /// What is wrong with the field.
        reason: String,
    },
    /// The `context.toml` of one context is invalid.
    #[error("{folder}/context.toml: {source}")]
    Context {
        /// The folder of the context.
        folder: String,
        /// The error in its file.
        source: Box<ManifestError>,
    },
}

impl ManifestError {
    pub(crate) fn field(field: &str, reason: &str) -> Self {
        Self::Field { field: field.to_owned(), reason: reason.to_owned() }
    }
}

/// Why the declaration of a fleet cannot be loaded from its folder.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The declaration is invalid.
    #[error("{}: {source}", path.display())]
    Invalid {
        /// The path of `fleet.toml`.
        path: PathBuf,
        /// What is invalid.
        source: ManifestError,
    },
}
