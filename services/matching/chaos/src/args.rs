//! What the command line says.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use clap::Parser;
use testkit::Parts;

/// Drives load through the gateway while processes are killed, paused, cut off and starved, lets the fleet settle, and
/// has the auditor check everything.
///
/// It starts a fleet of its own and removes it in the end. The exit code is 0 only if nothing was wrong, and 2 if it
/// could not be carried out. An external Kafka
/// is killed, and a PostgreSQL killed or left without room, only if the environment says how; what is not done for want of
/// that is said at the end, with the names of the variables.
#[derive(Debug, Parser)]
#[command(name = "matching-chaos", version)]
pub struct Args {
    /// How long load and faults go on
    #[arg(long, default_value_t = 2.0)]
    pub minutes: f64,
    /// Matches to be established per second: what an outage held up is caught up on
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rate: u32,
    /// How often something goes wrong, on average
    #[arg(long, default_value = "5s", value_parser = humantime::parse_duration)]
    pub every: Duration,
    /// What goes wrong, and when, is drawn by this number [default: another one each time]
    #[arg(long)]
    pub seed: Option<u64>,
    /// How long the fleet may take to settle when all is over
    #[arg(long, default_value = "3m", value_parser = humantime::parse_duration)]
    pub settle: Duration,
    /// An Apache Kafka that runs already: host:port. Without it everything is embedded
    #[arg(long, env = "FLOTILLA_TEST_KAFKA")]
    pub kafka: Option<String>,
    /// A PostgreSQL that runs already, as a user who may create databases
    #[arg(long, env = "FLOTILLA_TEST_POSTGRES", hide_env_values = true)]
    pub postgres: Option<String>,
    /// The description of the fleet
    #[arg(long)]
    pub manifest: PathBuf,
    /// The folder of its binaries
    #[arg(long)]
    pub binaries: PathBuf,
}

impl Args {
    /// What the fleet stands on. Only one of Kafka and `PostgreSQL` is refused.
    pub fn parts(&self) -> Result<Parts> {
        match (&self.kafka, &self.postgres) {
            (None, None) => Ok(Parts::Embedded),
            (Some(kafka), Some(postgres)) => Ok(Parts::servers(kafka.clone(), postgres.clone())),
            _ => bail!("--kafka and --postgres go together"),
        }
    }

    /// How long load and faults go on.
    pub fn length(&self) -> Result<Duration> {
        ensure!((0.1..=10_000.0).contains(&self.minutes), "--minutes must be from 0.1 to 10000");
        Ok(Duration::from_mins(1).mul_f64(self.minutes))
    }
}
