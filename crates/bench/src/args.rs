//! The arguments, and how much is measured.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Measures the figures of a fleet in one run, each beside the limit that it is compared with.
///
/// It starts fleets of its own, and removes their databases and topics at the end. The exit code is 0 also if a goal is missed:
/// a figure is not a test.
#[derive(Debug, Parser)]
#[command(name = "flotilla-bench", version)]
pub struct Args {
    /// The manifest of the fleet. Its bench.toml is in the same folder
    #[arg(long)]
    pub manifest: PathBuf,
    /// The folder of its binaries
    #[arg(long)]
    pub binaries: PathBuf,
    /// A running Apache Kafka on this machine: host:port
    #[arg(long, env = "FLOTILLA_BENCH_KAFKA")]
    pub kafka: String,
    /// A running PostgreSQL on this machine, as a user who may create databases
    #[arg(long, env = "FLOTILLA_BENCH_POSTGRES", hide_env_values = true)]
    pub postgres: String,
    /// Connections of each service to its store
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub connections: u32,
    /// A tenth of the work: a check of this program, not figures to quote
    #[arg(long)]
    pub quick: bool,
    /// Only these parts
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Part>,
    /// Print JSON instead of tables
    #[arg(long)]
    pub json: bool,
}

/// A part that can be measured alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Requests per second, CPU and memory under siege
    Requests,
    /// From the response 201 to the view
    Visible,
    /// A GET through the gateway and directly at the service
    Lookups,
    /// The last page of a long list and the first
    Lists,
    /// Consumers that are far behind
    CatchUp,
    /// The embedded fleet from nothing to ready
    Start,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Duration of the siege before the measurement.
    pub warm_up: Duration,
    /// Duration of the siege in a round.
    pub siege: Duration,
    /// The number of rounds.
    pub rounds: usize,
    /// Duration of a run of the transactions alone.
    pub transactions: Duration,
    /// Duration of the requests at a constant rate.
    pub constant_rate: Duration,
    /// That rate, in requests per second.
    pub rate: u32,
    /// Duration of a run of GETs.
    pub lookups: Duration,
    /// Pairs of such runs.
    pub pairs: usize,
    /// Events that a consumer is behind.
    pub behind: i64,
    /// Items of a long list.
    pub listed: i64,
    /// Starts of the embedded fleet.
    pub starts: usize,
}

impl Args {
    /// Whether this part is to be measured.
    pub fn includes(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// How much to measure.
    pub const fn effort(&self) -> Effort {
        if self.quick { Effort::QUICK } else { Effort::FULL }
    }
}

impl Effort {
    const FULL: Self = Self {
        warm_up: Duration::from_secs(10),
        siege: Duration::from_secs(30),
        rounds: 2,
        transactions: Duration::from_secs(6),
        constant_rate: Duration::from_secs(20),
        rate: 100,
        lookups: Duration::from_secs(4),
        pairs: 3,
        behind: 100_000,
        listed: 1_000_000,
        starts: 5,
    };
    const QUICK: Self = Self {
        warm_up: Duration::from_secs(3),
        siege: Duration::from_secs(5),
        rounds: 1,
        transactions: Duration::from_secs(2),
        constant_rate: Duration::from_secs(4),
        // A busy machine with debug programs keeps up.
        rate: 10,
        lookups: Duration::from_secs(1),
        pairs: 1,
        behind: 10_000,
        listed: 100_000,
        starts: 1,
    };
}
