use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where a context keeps what it knows.
#[derive(Clone, clap::Args)]
#[group(id = "store")]
pub struct Config {
    /// The store: `postgres://user:password@host/database` or `sqlite:path/to/file.db`
    #[arg(long, env = "STORE_URL", default_value = "sqlite:store.db", hide_env_values = true)]
    pub store_url: String,

    /// The file with the password, for a URL without one (`PostgreSQL`)
    #[arg(long, env = "STORE_PASSWORD_FILE")]
    pub store_password_file: Option<PathBuf>,

    /// The authorities (PEM) that sign the server's certificate (`PostgreSQL`). With it no connection is plain, and the
    /// server must be who the URL says: `sslmode=verify-full`
    #[arg(long, env = "STORE_CA_FILE")]
    pub store_ca_file: Option<PathBuf>,

    /// Our own certificate (PEM), for a server that asks for one
    #[arg(long, env = "STORE_CERT_FILE")]
    pub store_cert_file: Option<PathBuf>,

    /// The private key of our certificate (PEM)
    #[arg(long, env = "STORE_KEY_FILE")]
    pub store_key_file: Option<PathBuf>,

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

impl fmt::Debug for Config {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.store_url.split_once(':').map_or("", |(kind, _)| kind);
        f.debug_struct("Config").field("store", &kind).finish_non_exhaustive()
    }
}
