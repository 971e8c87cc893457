use std::io::{IsTerminal, stderr};
use std::panic::PanicHookInfo;
use std::sync::{Arc, OnceLock};
use std::thread;

use events::excerpt;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::process::config::{Config, LogFormat};
use crate::telemetry::log_limit::LogLimit;

/// The limit of this process, after the start of the log.
static LIMIT: OnceLock<Arc<LogLimit>> = OnceLock::new();

/// Why the log cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is invalid.
    #[error("cannot read the log filter {filter:?} (set by LOG): {source}")]
    Filter {
        /// The filter.
        filter: String,
        /// The reason.
        source: tracing_subscriber::filter::ParseError,
    },
    /// The log is started already.
    #[error("the log was started twice: {0}")]
    Twice(#[source] TryInitError),
}

/// Starts the log on standard error, including panics. [`run`](crate::run) calls this.
pub fn start(config: &Config) -> Result<(), TelemetryError> {
    let filter = EnvFilter::builder()
        .parse(&config.log)
        .map_err(|source| TelemetryError::Filter { filter: config.log.clone(), source })?;
    let subscriber = fmt().with_env_filter(filter).with_writer(stderr).with_ansi(stderr().is_terminal());
    // A line that cannot be written, as on a full disk, is dropped: an error message about it would fail in the same
    // way, and panic.
    let subscriber = subscriber.log_internal_errors(false);
    let limit = Arc::new(LogLimit::new(config.log_burst, config.log_interval));
    let layer = Arc::clone(&limit).layer();
    let started = match config.log_format {
        LogFormat::Text => subscriber.finish().with(layer).try_init(),
        LogFormat::Json => subscriber.json().finish().with(layer).try_init(),
    };
    started.map_err(TelemetryError::Twice)?;
    std::panic::set_hook(Box::new(log_panic));
    spawn_reporter(LIMIT.get_or_init(|| limit), config);
    Ok(())
}

/// Reports suppressed lines once per interval. In a thread of its own: a runtime busy with logging may not get to it.
fn spawn_reporter(limit: &Arc<LogLimit>, config: &Config) {
    if config.log_burst == 0 {
        return;
    }
    let (limit, interval) = (Arc::clone(limit), config.log_interval);
    let report = move || {
        loop {
            thread::sleep(interval);
            limit.report();
        }
    };
    if let Err(error) = thread::Builder::new().name("log".to_owned()).spawn(report) {
        tracing::warn!(%error, "suppressed lines are counted at the end of the process only");
    }
}

/// Reports the lines suppressed since the last report, at the end of the process.
pub(crate) fn report_suppressed() {
    if let Some(limit) = LIMIT.get() {
        limit.report();
    }
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    let message = panic.payload_as_str().unwrap_or("no message");
    tracing::error!(location, "panic: {}", excerpt(message));
}
