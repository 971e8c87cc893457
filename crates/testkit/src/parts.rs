use std::env;

/// Names a Kafka that may be used: host:port.
pub(crate) const KAFKA: &str = "FLOTILLA_TEST_KAFKA";
/// Names a `PostgreSQL` in which databases may be made: a URL.
pub(crate) const POSTGRES: &str = "FLOTILLA_TEST_POSTGRES";
/// A shell command that kills that Kafka.
pub(crate) const KAFKA_KILL: &str = "FLOTILLA_TEST_KAFKA_KILL";
/// A shell command that starts it again, on the same data.
pub(crate) const KAFKA_START: &str = "FLOTILLA_TEST_KAFKA_START";

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
        let known = env::var_os(KAFKA_KILL).is_some() && env::var_os(KAFKA_START).is_some();
        if known { Ok(()) } else { Err(format!("set {KAFKA_KILL} and {KAFKA_START} to commands to include it")) }
    }
}
