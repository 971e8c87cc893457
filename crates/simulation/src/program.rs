use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use anyhow::{Context as _, Result};
use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::Mutant;
use crate::scenario::Scenario;
use crate::search::{Failure, search};

/// Runs a fleet in simulations, with many seeds. `RUST_LOG=info` shows the logs of the services: best for one seed.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Number of seeds
    #[arg(long, default_value_t = 500)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Break a rule on purpose; an unknown name lists all
    #[arg(long = "broken", value_name = "BROKEN")]
    mutant: Option<String>,
    /// Number of threads [default: one per core]
    #[arg(long)]
    threads: Option<usize>,
}

/// The simulation of a fleet as a program of this name, with the arguments of the process. Prints the trace of the first
/// case that violates a law.
pub fn run_program<E: 'static>(scenario: &'static Scenario<E>, program: &'static str) -> Result<ExitCode> {
    let matches = Args::command().name(program).get_matches();
    let args = Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let mutant = args.mutant.as_deref().map(|name| find(scenario, name)).transpose()?;
    init_logging();
    let threads = args.threads.or_else(|| available_parallelism().ok().map(Into::into)).unwrap_or(1);
    let (runs, established) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failure = search(scenario, args.from..args.from + args.seeds, mutant, threads, |_, outcome| {
        established.fetch_add(outcome.established, Ordering::Relaxed);
        let runs = runs.fetch_add(1, Ordering::Relaxed) + 1;
        if runs.is_multiple_of(100) {
            eprintln!("{runs} runs");
        }
    })?;
    let mut out = std::io::stdout().lock();
    let (runs, established) = (runs.into_inner(), established.into_inner());
    let Some(failure) = failure else {
        writeln!(out, "{runs} runs, {established} cases established: all laws hold")?;
        return Ok(ExitCode::SUCCESS);
    };
    print(&mut out, &failure)?;
    writeln!(out, "found after {runs} runs")?;
    Ok(ExitCode::FAILURE)
}

fn find<E>(scenario: &Scenario<E>, name: &str) -> Result<Mutant> {
    let known = scenario.mutants.iter().find(|mutant| mutant.to_string() == name);
    let names = scenario.mutants.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    known.copied().with_context(|| format!("--broken {name} is unknown; known are {names}"))
}

/// Logs of the services are off by default: thousands of runs log mostly expected failures.
fn init_logging() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::OFF.into()).from_env_lossy();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).init();
}

fn print(out: &mut impl std::io::Write, failure: &Failure) -> Result<()> {
    let Failure { seed, outcome } = failure;
    writeln!(out, "{}", outcome.report)?;
    if let Some((law, case, what)) = outcome.first_violation() {
        writeln!(out, "seed {seed}, case {case}: {law}: {what}")?;
        for line in outcome.trace_of(case) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}
