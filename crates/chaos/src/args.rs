use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use clap::Parser;
use testkit::Parts;

/// Sends load through the gateway while processes are killed, paused, cut off and starved, waits until the fleet is
/// quiescent, and runs the auditor.
///
/// It starts a fleet of its own and removes it at the end. The exit code is 0 if nothing was wrong, 1 if something was, and 2
/// if the run could not be carried out. An external Kafka is killed, and a PostgreSQL killed or left without disk space, only
/// if the environment defines the commands; the report lists the faults that were skipped, with the names of the variables.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// Duration of load and faults, in minutes
    #[arg(long, default_value_t = 2.0)]
    pub minutes: f64,
    /// Cases to be established per second. After an outage the missing ones are made up for
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rate: u32,
    /// Average time between two faults
    #[arg(long, default_value = "5s", value_parser = humantime::parse_duration)]
    pub every: Duration,
    /// Seed of the faults and their times [default: another one each time]
    #[arg(long)]
    pub seed: Option<u64>,
    /// How long the fleet may take to become quiescent after the last fault
    #[arg(long, default_value = "3m", value_parser = humantime::parse_duration)]
    pub settle: Duration,
    /// A running Apache Kafka: host:port. Without it the broker and the stores are embedded
    #[arg(long, env = "FLOTILLA_TEST_KAFKA")]
    pub kafka: Option<String>,
    /// A running PostgreSQL, as a user who may create databases
    #[arg(long, env = "FLOTILLA_TEST_POSTGRES", hide_env_values = true)]
    pub postgres: Option<String>,
    /// The manifest of the fleet
    #[arg(long)]
    pub manifest: PathBuf,
    /// The folder of its binaries
    #[arg(long)]
    pub binaries: PathBuf,
}

impl Args {
    /// The broker and the stores of the fleet. Kafka and `PostgreSQL` go together.
    pub fn parts(&self) -> Result<Parts> {
        match (&self.kafka, &self.postgres) {
            (None, None) => Ok(Parts::Embedded),
            (Some(kafka), Some(postgres)) => Ok(Parts::servers(kafka.clone(), postgres.clone())),
            _ => bail!("--kafka and --postgres go together"),
        }
    }

    /// Duration of load and faults.
    pub fn length(&self) -> Result<Duration> {
        ensure!((0.1..=10_000.0).contains(&self.minutes), "--minutes must be from 0.1 to 10000");
        Ok(Duration::from_mins(1).mul_f64(self.minutes))
    }
}
