use std::path::PathBuf;
use std::time::Duration;

use calls::Transport;

/// All settings of the process.
#[derive(Debug, Clone, clap::Parser)]
#[group(skip)]
#[command(name = "match", about = "The match context: students ask for a match, pay, and may cancel", version)]
pub struct Config {
    /// Settings of every service.
    #[command(flatten)]
    pub chassis: chassis::Config,
    /// Settings of the store.
    #[command(flatten)]
    pub store: ::store::Config,
    /// Settings of the messaging.
    #[command(flatten)]
    pub messaging: messaging::Config,
    /// Settings of the guarded call.
    #[command(flatten)]
    pub calls: calls::Config,

    /// The address of payment
    #[arg(long, env = "PAYMENT_URL", default_value = "http://127.0.0.1:8083")]
    pub payment_url: String,

    /// The file with the private key (Ed25519, PEM) that signs the tokens of match for payment. Without it, authentication
    /// must be disabled at payment
    #[arg(long, alias = "call-key-file", env = "SERVICE_SIGNING_KEY_FILE")]
    pub service_signing_key_file: Option<PathBuf>,

    /// The recovery compensates a request that is pending for longer. Must be longer than the time limit of the call
    #[arg(long, alias = "settle-after", env = "COMPENSATE_AFTER", default_value = "3s", value_parser = humantime::parse_duration)]
    pub compensate_after: Duration,

    /// The interval of the recovery
    #[arg(long, alias = "settle-every", env = "COMPENSATE_EVERY", default_value = "1s", value_parser = humantime::parse_duration)]
    pub compensate_every: Duration,

    /// How long an Idempotency-Key is kept
    #[arg(long, env = "IDEMPOTENCY_RETENTION", default_value = "24h", value_parser = humantime::parse_duration)]
    pub idempotency_retention: Duration,

    /// The interval at which a watched match is read: 50ms to 1m
    #[arg(long, env = "WATCH_EVERY", default_value = "1s", value_parser = watch_every)]
    pub watch_every: Duration,

    /// The maximum number of clients that watch matches at a time
    #[arg(long, env = "WATCHERS", default_value = "1024")]
    pub watchers: u32,

    /// A transport to payment other than HTTP, for simulations
    #[arg(skip)]
    pub payment_transport: Option<Transport>,
}

fn watch_every(text: &str) -> Result<Duration, String> {
    let every = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let allowed = Duration::from_millis(50)..=Duration::from_mins(1);
    allowed.contains(&every).then_some(every).ok_or_else(|| "must be from 50ms to 1m".to_owned())
}
