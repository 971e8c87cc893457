//! The settings of authentication.

use std::path::{Path, PathBuf};

use clap::{ArgAction, Args};
use identity::PassKeyError;

/// The keys and roles that a service trusts.
#[derive(Args, Debug, Clone, Default)]
pub struct AuthSettings {
    /// File with the public keys (Ed25519, PEM) of the gateway. Requests without a token signed by the gateway are
    /// rejected.
    ///
    /// Without it authentication is disabled: every caller may do anything.
    #[arg(long, alias = "pass-key-file", env = "INTERNAL_TOKEN_PUBLIC_KEY_FILE")]
    pub internal_token_public_key_file: Option<PathBuf>,

    /// File with the public keys (Ed25519, PEM) of the services that may call this one on their own behalf.
    #[arg(
        long,
        alias = "caller-key-file",
        env = "SERVICE_PUBLIC_KEY_FILE",
        requires = "internal_token_public_key_file"
    )]
    pub service_public_key_file: Option<PathBuf>,

    /// Role of the callers that may operate the process (`/messaging`).
    #[arg(long, env = "OPERATOR_ROLE", default_value = "operator")]
    pub operator_role: String,

    /// Refuse to start with authentication disabled.
    #[arg(long, env = "REQUIRE_IDENTITY", default_value = "false", action = ArgAction::Set)]
    pub require_identity: bool,
}

/// Why authentication cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum AuthSettingsError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The file contains no usable key.
    #[error("{}: {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: PassKeyError,
    },
    /// Authentication is required, and no key file is set.
    #[error("INTERNAL_TOKEN_PUBLIC_KEY_FILE is not set, and REQUIRE_IDENTITY forbids running without authentication")]
    Disabled,
}

impl AuthSettingsError {
    /// Reads a key file with `key`, a parser of its text.
    pub fn read<T>(path: &Path, key: impl FnOnce(&str) -> Result<T, PassKeyError>) -> Result<T, Self> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|source| Self::File { path: path.to_owned(), source })?;
        key(&text).map_err(|source| Self::Key { path: path.to_owned(), source })
    }
}
