//! What the command line says, and how much is measured.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Measures all figures of the matching fleet in one run, each beside the limit it is measured against.
///
/// It starts fleets of its own, and removes their databases and topics in the end. The exit code is 0 also when a goal
/// is missed: a figure is no test.
#[derive(Debug, Parser)]
#[command(name = "matching-bench", version)]
pub struct Args {
    /// An Apache Kafka that runs already: host:port
    #[arg(long, env = "FLOTILLA_BENCH_KAFKA")]
    pub kafka: String,
    /// A PostgreSQL that runs already, as a user who may create databases
    #[arg(long, env = "FLOTILLA_BENCH_POSTGRES", hide_env_values = true)]
    pub postgres: String,
    /// The folder of the fleet's binaries [default: beside this one]
    #[arg(long)]
    pub binaries: Option<PathBuf>,
    /// Connections of each service to its store
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub connections: u32,
    /// A tenth of the work: to see that the program works, not for figures
    #[arg(long)]
    pub quick: bool,
    /// Only these parts
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Part>,
    /// JSON instead of tables
    #[arg(long)]
    pub json: bool,
}

/// What can be measured on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Requests per second, CPU and memory under siege
    Requests,
    /// From the 201 to the page
    Visible,
    /// A GET through the gateway and straight at the service
    Lookups,
    /// A page at the end of a long list and one at its beginning
    Lists,
    /// Consumers that are far behind
    CatchUp,
    /// The embedded fleet from nothing to ready
    Start,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// The siege that does not count.
    pub warm_up: Duration,
    /// One siege that counts.
    pub siege: Duration,
    /// How many of them.
    pub rounds: usize,
    /// One run of the bare transactions.
    pub triples: Duration,
    /// Requests at a steady rate.
    pub steady: Duration,
    /// One run of GETs.
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
    /// Whether this part is asked for.
    pub fn wants(&self, part: Part) -> bool {
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
        triples: Duration::from_secs(6),
        steady: Duration::from_secs(20),
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
        triples: Duration::from_secs(2),
        steady: Duration::from_secs(4),
        lookups: Duration::from_secs(1),
        pairs: 1,
        behind: 10_000,
        listed: 100_000,
        starts: 1,
    };
}
