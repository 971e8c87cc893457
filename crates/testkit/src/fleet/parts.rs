//! The broker and the stores of a fleet under test.

use std::env;

/// A Kafka for tests: host:port.
pub(crate) const KAFKA: &str = "FLOTILLA_TEST_KAFKA";
/// A `PostgreSQL` in which tests create databases: a URL.
pub(crate) const POSTGRES: &str = "FLOTILLA_TEST_POSTGRES";
/// A shell command that kills Kafka.
pub(crate) const KAFKA_KILL: &str = "FLOTILLA_TEST_KAFKA_KILL";
/// A shell command that starts it again with the same data.
pub(crate) const KAFKA_START: &str = "FLOTILLA_TEST_KAFKA_START";

/// A shell command that kills `PostgreSQL`.
pub(crate) const POSTGRES_KILL: &str = "FLOTILLA_TEST_POSTGRES_KILL";
/// A shell command that starts it again with the same data.
pub(crate) const POSTGRES_START: &str = "FLOTILLA_TEST_POSTGRES_START";
/// A shell command that fills the disk of `PostgreSQL`.
pub(crate) const POSTGRES_FILL: &str = "FLOTILLA_TEST_POSTGRES_FILL";
/// A shell command that frees the disk.
pub(crate) const POSTGRES_FREE: &str = "FLOTILLA_TEST_POSTGRES_FREE";

/// The broker and the stores of a fleet under test.
#[derive(Clone, PartialEq, Eq)]
pub enum Parts {
    /// The embedded broker and one `SQLite` file for each context.
    Embedded,
    /// A running Apache Kafka and a running `PostgreSQL`.
    Servers(Servers),
}

/// Running servers for tests.
#[derive(Clone, PartialEq, Eq)]
pub struct Servers {
    /// host:port
    pub(crate) kafka: String,
    /// The URL of any database on the server.
    pub(crate) postgres: String,
}

impl Parts {
    /// Apache Kafka at `host:port`, and `PostgreSQL` with the URL of any of its databases.
    pub const fn servers(kafka: String, postgres: String) -> Self {
        Self::Servers(Servers { kafka, postgres })
    }

    /// The name of these parts in the name of a test.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Servers(_) => "servers",
        }
    }
}

impl Servers {
    /// The servers in the environment. The error names the missing variables.
    pub(crate) fn from_env() -> Result<Self, String> {
        match (env::var(KAFKA), env::var(POSTGRES)) {
            (Ok(kafka), Ok(postgres)) => Ok(Self { kafka, postgres }),
            _ => Err(format!("set {KAFKA}=host:port and {POSTGRES}=postgres://… to include it")),
        }
    }

    /// Whether Kafka can be killed. The error names the missing variables.
    pub(crate) fn can_kill_kafka() -> Result<(), String> {
        both(KAFKA_KILL, KAFKA_START)
    }
}

/// Whether both variables are set. The error names them.
pub(crate) fn both(one: &str, other: &str) -> Result<(), String> {
    let known = env::var_os(one).is_some() && env::var_os(other).is_some();
    if known { Ok(()) } else { Err(format!("set {one} and {other} to commands to include it")) }
}
