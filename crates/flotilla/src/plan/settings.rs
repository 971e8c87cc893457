//! The choices of a user about a fleet.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use files::Rotation;
use messaging::Security;

use crate::plan::process_spec::LOOPBACK;

/// The choices of a user about a fleet.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of the stores, logs and settings.
    pub dir: PathBuf,
    /// The folder of the binaries.
    pub binaries: PathBuf,
    /// The address that the gateway listens on.
    pub host: IpAddr,
    /// The broker.
    pub broker: Broker,
    /// Security of the connections to the broker.
    pub security: Security,
    /// The stores of the contexts.
    pub stores: Stores,
    /// Added to every port of the manifest and to the port of the broker.
    pub port_offset: u16,
    /// Ports of single processes, by name. The offset does not apply to them.
    pub ports: BTreeMap<String, u16>,
    /// The log level.
    pub log: String,
    /// Size limit of a log, and how many rotated logs are kept.
    pub rotation: Rotation,
    /// Authentication. `None` disables it.
    pub auth: Option<Auth>,
}

/// How callers are authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// The command that prints tokens; a role and a name are appended.
    pub token_command: String,
    /// The trusted identity provider. `None`: only tokens that the command prints are trusted.
    pub issuer: Option<String>,
}

impl Settings {
    /// The embedded broker, embedded stores and the ports of the manifest.
    pub fn embedded(dir: impl Into<PathBuf>, binaries: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            binaries: binaries.into(),
            host: LOOPBACK,
            broker: Broker::Embedded,
            security: Security::default(),
            stores: Stores::Embedded,
            port_offset: 0,
            ports: BTreeMap::new(),
            log: "info".to_owned(),
            rotation: Rotation::DEFAULT,
            auth: None,
        }
    }
}

/// The broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broker {
    /// The embedded broker, started with the fleet.
    Embedded,
    /// A running Kafka: `host:port`, several separated by commas.
    External(String),
}

/// The stores of the contexts.
#[derive(Clone, PartialEq, Eq)]
pub enum Stores {
    /// One SQLite file per context.
    Embedded,
    /// A URL with the placeholders `{context}` and `{fleet}`.
    External(String),
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Embedded => "Embedded",
            Self::External(_) => "External(the URL may hold a password)",
        })
    }
}
