use std::time::Duration;

/// Where a context keeps what it knows.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "store")]
pub struct Config {
    /// The store: `postgres://user:password@host/database` or `sqlite:path/to/file.db`
    #[arg(long, env = "STORE_URL", default_value = "sqlite:store.db", hide_env_values = true)]
    pub store_url: String,

    /// Connections to it at most (`PostgreSQL`), or readers beside the one writer (`SQLite`)
    #[arg(long, env = "STORE_CONNECTIONS", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub store_connections: u32,

    /// How long a request waits for a free connection before it is refused
    #[arg(long, env = "STORE_ACQUIRE_LIMIT", default_value = "5s", value_parser = humantime::parse_duration)]
    pub store_acquire_limit: Duration,

    /// How long a start waits for a store that does not answer yet
    #[arg(long, env = "STORE_START_LIMIT", default_value = "30s", value_parser = humantime::parse_duration)]
    pub store_start_limit: Duration,
}
