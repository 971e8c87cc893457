//! `flotilla-bench`: measures the figures of a fleet in one run, each beside its limit. `flotilla bench` starts it.
//!
//! A fleet declares what is measured in its `bench.toml`.
//!
//! | file | content |
//! |---|---|
//! | `declaration.rs` | what a fleet declares |
//! | `requests.rs`, `siege.rs`, `transactions.rs` | requests per second beside the transactions alone; CPU and memory |
//! | `visible.rs` | from the response 201 to the view |
//! | `lookups.rs` | a GET through the gateway beside one directly at the service |
//! | `lists.rs` | the last page of a million items beside the first |
//! | `catch_up.rs`, `backlog.rs` | consumers that are far behind |
//! | `start.rs` | the embedded fleet from nothing to ready |
//! | `environment.rs`, `broker.rs`, `running_fleet.rs`, `ports.rs` | fleets, databases and topics of this run, and their removal |
//! | `cases.rs`, `http.rs`, `rate.rs`, `proc.rs`, `cpu.rs` | clients, and the measurement of processes |
//! | `figure.rs`, `machine.rs` | the output |

mod args;
mod backlog;
mod broker;
mod cases;
mod catch_up;
mod cpu;
mod declaration;
mod environment;
mod figure;
mod http;
mod lists;
mod lookups;
mod machine;
mod ports;
mod proc;
mod rate;
mod requests;
mod running_fleet;
mod siege;
mod start;
mod transactions;
mod visible;

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use crate::args::{Args, Part};
use crate::declaration::Declaration;
use crate::environment::Environment;
use crate::figure::Figure;
use crate::running_fleet::RunningFleet;

#[tokio::main]
async fn main() -> ExitCode {
    tls_provider::install();
    match run(&Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flotilla-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The result of a run.
#[derive(Default)]
struct Results {
    figures: Vec<Figure>,
    /// Parts that could not be measured, and why.
    failed: Vec<String>,
}

impl Results {
    /// A part that fails does not fail the others.
    fn add(&mut self, part: Part, outcome: Result<Vec<Figure>>) {
        match outcome {
            Ok(figures) => self.figures.extend(figures),
            Err(error) => self.failed.push(format!("{part:?}: {error:#}")),
        }
    }
}

async fn run(args: &Args) -> Result<()> {
    let (environment, declaration) = (Environment::new(args)?, Declaration::beside(&args.manifest)?);
    let machine = machine::describe(&environment).await?;
    let results = tokio::select! {
        results = measure(&environment, &declaration, args) => results,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    // After a failure, too.
    let removed = environment.remove().await;
    let results = results?;
    print(args, &machine, &results)?;
    anyhow::ensure!(results.failed.is_empty(), "some parts were not measured");
    removed
}

async fn measure(environment: &Environment, declaration: &Declaration, args: &Args) -> Result<Results> {
    let effort = args.effort();
    let mut results = Results::default();
    if [Part::Requests, Part::Visible, Part::Lookups].into_iter().any(|part| args.includes(part)) {
        measure_running_fleet(environment, declaration, args, &mut results).await?;
    }
    if args.includes(Part::Start) {
        results.add(Part::Start, start::measure(environment, &effort).await);
    }
    if args.includes(Part::Lists) {
        results.add(Part::Lists, lists::measure(environment, &declaration.list, &effort).await);
    }
    if args.includes(Part::CatchUp) {
        results.add(Part::CatchUp, catch_up::measure(environment, &declaration.catch_up, &effort).await);
    }
    Ok(results)
}

/// The parts that are measured on one fleet.
async fn measure_running_fleet(
    environment: &Environment,
    declaration: &Declaration,
    args: &Args,
    results: &mut Results,
) -> Result<()> {
    let (effort, plan) = (args.effort(), environment.plan("fleet")?);
    let fleet = RunningFleet::start(environment, &plan).await?;
    if args.includes(Part::Requests) {
        results.add(Part::Requests, requests::measure(environment, &declaration.load, &fleet, &effort).await);
    }
    if args.includes(Part::Visible) {
        results.add(Part::Visible, visible::measure(environment, &declaration.case, &fleet, &effort).await);
    }
    if args.includes(Part::Lookups) {
        results.add(Part::Lookups, lookups::measure(environment, &declaration.case, &fleet, &effort).await);
    }
    fleet.stop().await;
    Ok(())
}

fn print(args: &Args, machine: &[(String, String)], results: &Results) -> Result<()> {
    let Results { figures, failed } = results;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", figure::json(machine, figures, failed))?;
        return Ok(());
    }
    for (name, value) in machine {
        writeln!(out, "- {name}: {value}")?;
    }
    if args.quick {
        writeln!(out, "- QUICK: a tenth of the work; these are no figures to quote")?;
    }
    writeln!(out, "\n{}", figure::table(figures))?;
    for figure in figures.iter().filter(|figure| figure.reached() == Some(false)) {
        writeln!(out, "MISSED: {}", figure.name)?;
    }
    for part in failed {
        writeln!(out, "NOT MEASURED: {part}")?;
    }
    Ok(())
}
