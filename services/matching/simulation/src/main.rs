//! `matching-simulation`: runs the matching fleet from seeds, and tells the story of the first match of which a law does
//! not hold.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use anyhow::Result;
use clap::Parser;
use matching_simulation::{Broken, Found, hunt};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Runs the matching fleet in simulations. `RUST_LOG=info` shows what the services log: best for one seed.
#[derive(Debug, Parser)]
#[command(name = "matching-simulation", version)]
struct Args {
    /// How many seeds
    #[arg(long, default_value_t = 500)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Break a rule on purpose: publish-before-commit, commit-offset-first, no-inbox, no-recovery, payment-without-key or
    /// relay-without-leader
    #[arg(long, value_parser = broken)]
    broken: Option<Broken>,
    /// How many at the same time [default: one per core]
    #[arg(long)]
    threads: Option<usize>,
}

fn broken(name: &str) -> Result<Broken, String> {
    let known = Broken::ALL.into_iter().find(|broken| broken.to_string() == name);
    known.ok_or_else(|| format!("one of {}", Broken::ALL.map(|broken| broken.to_string()).join(", ")))
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    show_logs();
    let threads = args.threads.or_else(|| available_parallelism().ok().map(Into::into)).unwrap_or(1);
    let (runs, established) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let found = hunt(args.from..args.from + args.seeds, args.broken, threads, |_, outcome| {
        established.fetch_add(outcome.established, Ordering::Relaxed);
        let runs = runs.fetch_add(1, Ordering::Relaxed) + 1;
        if runs.is_multiple_of(100) {
            eprintln!("{runs} runs");
        }
    })?;
    let mut out = std::io::stdout().lock();
    let (runs, established) = (runs.into_inner(), established.into_inner());
    let Some(found) = found else {
        writeln!(out, "{runs} runs, {established} matches established: all laws hold")?;
        return Ok(ExitCode::SUCCESS);
    };
    tell(&mut out, &found)?;
    writeln!(out, "found after {runs} runs")?;
    Ok(ExitCode::FAILURE)
}

/// What the services log is shown only if asked for: in thousands of runs most of it is as it should be.
fn show_logs() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::OFF.into()).from_env_lossy();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).init();
}

fn tell(out: &mut impl std::io::Write, found: &Found) -> Result<()> {
    let Found { seed, outcome } = found;
    writeln!(out, "{}", outcome.report)?;
    if let Some((law, case, what)) = outcome.first_violation() {
        writeln!(out, "seed {seed}, match {case}: {law}: {what}")?;
        for line in outcome.story_of(case) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}
