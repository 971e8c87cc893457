use std::io::{IsTerminal, stderr};
use std::panic::PanicHookInfo;

use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::{Config, LogFormat};

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error("cannot read the log filter {filter:?} (set by LOG): {source}")]
    Filter {
        /// What was set.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// The process logs already.
    #[error("the log was started twice: {0}")]
    Twice(#[source] TryInitError),
}

/// Starts the log of the process, on standard error; panics go there too. [`run`](crate::run) does this.
pub fn start(config: &Config) -> Result<(), TelemetryError> {
    let filter = EnvFilter::builder()
        .parse(&config.log)
        .map_err(|source| TelemetryError::Filter { filter: config.log.clone(), source })?;
    let subscriber = fmt().with_env_filter(filter).with_writer(stderr).with_ansi(stderr().is_terminal());
    // A line that cannot be written, as the disk is full, is lost: to say so it would be written to the same place, and
    // that failure is a panic.
    let subscriber = subscriber.log_internal_errors(false);
    let started = match config.log_format {
        LogFormat::Text => subscriber.finish().try_init(),
        LogFormat::Json => subscriber.json().finish().try_init(),
    };
    started.map_err(TelemetryError::Twice)?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    let message = panic.payload_as_str().unwrap_or("no message");
    tracing::error!(location, "panic: {message}");
}
