use std::env;

/// Names a Kafka that may be used: host:port.
pub(crate) const KAFKA: &str = "FLOTILLA_TEST_KAFKA";
/// Names a `PostgreSQL` in which databases may be made: a URL.
pub(crate) const POSTGRES: &str = "FLOTILLA_TEST_POSTGRES";
/// A shell command that kills that Kafka.
pub(crate) const KAFKA_KILL: &str = "FLOTILLA_TEST_KAFKA_KILL";
/// A shell command that starts it again, on the same data.
pub(crate) const KAFKA_START: &str = "FLOTILLA_TEST_KAFKA_START";

/// A shell command that kills that `PostgreSQL`.
pub(crate) const POSTGRES_KILL: &str = "FLOTILLA_TEST_POSTGRES_KILL";
/// A shell command that starts it again, on the same data.
pub(crate) const POSTGRES_START: &str = "FLOTILLA_TEST_POSTGRES_START";
/// A shell command that leaves that `PostgreSQL` no room on its disk.
pub(crate) const POSTGRES_FILL: &str = "FLOTILLA_TEST_POSTGRES_FILL";
/// A shell command that gives the room back.
pub(crate) const POSTGRES_FREE: &str = "FLOTILLA_TEST_POSTGRES_FREE";

/// What a fleet under test stands on.
#[derive(Clone, PartialEq, Eq)]
pub enum Parts {
    /// The embedded broker and a `SQLite` file for each context.
    Embedded,
    /// An Apache Kafka and a `PostgreSQL` that run already.
    Servers(Servers),
}

/// Servers that tests may use.
#[derive(Clone, PartialEq, Eq)]
pub struct Servers {
    /// host:port
    pub(crate) kafka: String,
    /// The URL of any database on the server.
    pub(crate) postgres: String,
}

impl Parts {
    /// An Apache Kafka, `host:port`, and the URL of any database on a `PostgreSQL` in which databases may be made.
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
    /// Those that the environment names; else the variables that would.
    pub(crate) fn from_env() -> Result<Self, String> {
        match (env::var(KAFKA), env::var(POSTGRES)) {
            (Ok(kafka), Ok(postgres)) => Ok(Self { kafka, postgres }),
            _ => Err(format!("set {KAFKA}=host:port and {POSTGRES}=postgres://… to include it")),
        }
    }

    /// Whether Kafka may be killed; else the variables that say how.
    pub(crate) fn can_kill_kafka() -> Result<(), String> {
        both(KAFKA_KILL, KAFKA_START)
    }
}

/// Whether the environment says how to do something and how to undo it; else the variables that would.
pub(crate) fn both(one: &str, other: &str) -> Result<(), String> {
    let known = env::var_os(one).is_some() && env::var_os(other).is_some();
    if known { Ok(()) } else { Err(format!("set {one} and {other} to commands to include it")) }
}
