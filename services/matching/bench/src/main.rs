//! All figures of the matching fleet in one run, each beside the limit it is measured against.
//!
//! | file | what |
//! |---|---|
//! | `requests.rs`, `siege.rs`, `triples.rs` | requests per second beside the bare transactions; CPU and memory |
//! | `visible.rs` | from the 201 to the page |
//! | `lookups.rs` | a GET through the gateway beside one straight at the service |
//! | `lists.rs` | a page at the end of a million beside the first |
//! | `catch_up.rs`, `backlog.rs` | consumers that are far behind |
//! | `start.rs` | the embedded fleet from nothing to ready |
//! | `site.rs`, `running.rs`, `ports.rs` | fleets of our own, and their end |
//! | `http.rs`, `proc.rs`, `cpu.rs` | what is measured with |
//! | `figure.rs`, `machine.rs` | what is shown |

mod args;
mod backlog;
mod catch_up;
mod cpu;
mod figure;
mod http;
mod lists;
mod lookups;
mod machine;
mod ports;
mod proc;
mod requests;
mod running;
mod siege;
mod site;
mod start;
mod triples;
mod visible;

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use crate::args::{Args, Part};
use crate::figure::Figure;
use crate::running::Running;
use crate::site::Site;

#[tokio::main]
async fn main() -> ExitCode {
    tls_provider::install();
    match run(&Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("matching-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What came of a run.
#[derive(Default)]
struct Measured {
    figures: Vec<Figure>,
    /// Parts that could not be measured, and why.
    failed: Vec<String>,
}

impl Measured {
    /// A part that fails does not take the others with it.
    fn take(&mut self, part: Part, outcome: Result<Vec<Figure>>) {
        match outcome {
            Ok(figures) => self.figures.extend(figures),
            Err(error) => self.failed.push(format!("{part:?}: {error:#}")),
        }
    }
}

async fn run(args: &Args) -> Result<()> {
    let site = Site::new(args)?;
    let machine = machine::describe(&site).await?;
    let measured = tokio::select! {
        measured = measure(&site, args) => measured,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    // Also after a failure: nothing is left behind.
    let cleared = site.clear().await;
    let measured = measured?;
    show(args, &machine, &measured)?;
    anyhow::ensure!(measured.failed.is_empty(), "not all was measured");
    cleared
}

async fn measure(site: &Site, args: &Args) -> Result<Measured> {
    let effort = args.effort();
    let mut measured = Measured::default();
    if [Part::Requests, Part::Visible, Part::Lookups].into_iter().any(|part| args.wants(part)) {
        measure_fleet(site, args, &mut measured).await?;
    }
    if args.wants(Part::Start) {
        measured.take(Part::Start, start::measure(site, &effort).await);
    }
    if args.wants(Part::Lists) {
        measured.take(Part::Lists, lists::measure(site, &effort).await);
    }
    if args.wants(Part::CatchUp) {
        measured.take(Part::CatchUp, catch_up::measure(site, &effort).await);
    }
    Ok(measured)
}

/// What is measured on one fleet that runs all the time.
async fn measure_fleet(site: &Site, args: &Args, measured: &mut Measured) -> Result<()> {
    let (effort, plan) = (args.effort(), site.plan(&site.fleet("fleet"))?);
    let running = Running::start(site, &plan).await?;
    if args.wants(Part::Requests) {
        measured.take(Part::Requests, requests::measure(site, &plan, &running, &effort).await);
    }
    if args.wants(Part::Visible) {
        measured.take(Part::Visible, visible::measure(site, &plan, &running, &effort).await);
    }
    if args.wants(Part::Lookups) {
        measured.take(Part::Lookups, lookups::measure(&running, &effort).await);
    }
    running.stop().await;
    Ok(())
}

fn show(args: &Args, machine: &[(String, String)], measured: &Measured) -> Result<()> {
    let Measured { figures, failed } = measured;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", figure::json(machine, figures, failed))?;
        return Ok(());
    }
    for (name, value) in machine {
        writeln!(out, "- {name}: {value}")?;
    }
    if args.quick {
        writeln!(out, "- QUICK: a tenth of the work, no figures to be quoted")?;
    }
    writeln!(out, "\n{}", figure::table(figures))?;
    for figure in figures.iter().filter(|figure| figure.reached() == Some(false)) {
        writeln!(out, "MISS: {}", figure.what)?;
    }
    for part in failed {
        writeln!(out, "NOT MEASURED: {part}")?;
    }
    Ok(())
}
