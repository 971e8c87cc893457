use std::time::Duration;

use clap::Args;

use crate::CallSettings;

/// The settings of a context whose requests are sagas.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct SagaSettings {
    /// The calls of the participants.
    #[command(flatten)]
    pub calls: CallSettings,

    /// The recovery compensates a request that is pending for longer. Must be longer than the time limit of a call
    #[arg(long, alias = "settle-after", env = "COMPENSATE_AFTER", default_value = "3s", value_parser = humantime::parse_duration)]
    pub compensate_after: Duration,

    /// The interval of the recovery
    #[arg(long, alias = "settle-every", env = "COMPENSATE_EVERY", default_value = "1s", value_parser = humantime::parse_duration)]
    pub compensate_every: Duration,

    /// How long an Idempotency-Key is kept
    #[arg(long, env = "IDEMPOTENCY_RETENTION", default_value = "24h", value_parser = humantime::parse_duration)]
    pub idempotency_retention: Duration,
}

impl SagaSettings {
    /// The recovery must not take over a request that still waits for a call.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.compensate_after > self.calls.limits.call_time_limit,
            "COMPENSATE_AFTER must be longer than CALL_TIME_LIMIT"
        );
        Ok(())
    }
}
