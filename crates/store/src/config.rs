use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The store of a context.
#[derive(Clone, clap::Args)]
#[group(id = "store")]
pub struct Config {
    /// URL of the store: `postgres://user:password@host/database` or `sqlite:path/to/file.db`, with `%25` for a `%` and
    /// `%3F` for a `?` in the path
    #[arg(long, env = "STORE_URL", default_value = "sqlite:store.db", hide_env_values = true)]
    pub store_url: String,

    /// File with the password, for a URL without one (`PostgreSQL`)
    #[arg(long, env = "STORE_PASSWORD_FILE")]
    pub store_password_file: Option<PathBuf>,

    /// Certificate authorities (PEM) of the server's certificate (`PostgreSQL`). If set, every connection uses TLS, and
    /// the server must have the name in the URL: `sslmode=verify-full`
    #[arg(long, env = "STORE_CA_FILE")]
    pub store_ca_file: Option<PathBuf>,

    /// Client certificate (PEM), for a server that requires one
    #[arg(long, env = "STORE_CERT_FILE")]
    pub store_cert_file: Option<PathBuf>,

    /// Private key of the client certificate (PEM)
    #[arg(long, env = "STORE_KEY_FILE")]
    pub store_key_file: Option<PathBuf>,

    /// Maximum number of connections (`PostgreSQL`), or of readers beside the one writer (`SQLite`)
    #[arg(long, env = "STORE_CONNECTIONS", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub store_connections: u32,

    /// Time a request waits for a free connection before it fails
    #[arg(long, env = "STORE_ACQUIRE_LIMIT", default_value = "5s", value_parser = humantime::parse_duration)]
    pub store_acquire_limit: Duration,

    /// Time to wait at the start for a store that does not respond yet
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
