use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ambient::{Ids, SystemClock};
use anyhow::{Result, bail};
use clap::{CommandFactory as _, FromArgMatches as _};
use testkit::FleetTemplate;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::Args;
use crate::clients::Clients;
use crate::execution::{Outcome, Settings, execute};
use crate::injector::FaultInjector;
use crate::report::RunReport;
use crate::scenario::Scenario;
use crate::schedule::draw;

/// The chaos run of a fleet as a program of this name, with the arguments of the process.
pub async fn run(scenario: &'static Scenario, program: &'static str) -> ExitCode {
    let matches = Args::command().name(program).get_matches();
    let args = Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match chaos(scenario, &args).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{program}: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether nothing was wrong.
async fn chaos(scenario: &'static Scenario, args: &Args) -> Result<bool> {
    let (parts, length) = (args.parts()?, args.length()?);
    let seed = args.seed.unwrap_or_else(|| Ids::from_entropy(Arc::new(SystemClock)).number().unsigned_abs());
    let settings = Settings { length, rate: args.rate, seed, settle: args.settle };
    let template = FleetTemplate::new(&args.manifest, args.binaries.clone())?;
    template.set_up().await?;
    template.check()?;
    eprintln!("{} parts, seed {seed}: starting the fleet", parts.name());
    let mut injector = FaultInjector::new(scenario, template.fleet(&parts, "flotilla-chaos").await?);
    let ended = tokio::select! {
        outcome = carry_out(scenario, &mut injector, settings, args.every) => Some(outcome),
        interrupted = interrupted() => interrupted.map(|()| None)?,
    };
    injector.revert_servers().await?;
    match ended {
        Some(Ok((clients, outcome))) => report(scenario, injector, settings, &clients, &outcome).await,
        Some(Err(error)) => {
            eprintln!("logs and stores are in {}", injector.fleet.keep().await?.display());
            Err(error)
        }
        None => {
            injector.fleet.end().await?;
            bail!("interrupted; the fleet is removed")
        }
    }
}

async fn carry_out(
    scenario: &'static Scenario,
    injector: &mut FaultInjector,
    settings: Settings,
    every: Duration,
) -> Result<(Arc<Clients>, Outcome)> {
    injector.start().await?;
    let faults = draw(settings.seed, settings.length, every, &injector.possible);
    let clients = Arc::new(Clients::new(&injector.fleet.gateway()?, settings.length)?);
    let outcome = execute(scenario, injector, &clients, &faults, settings).await?;
    Ok((clients, outcome))
}

/// Prints the report. If there are problems, the evidence is kept.
async fn report(
    scenario: &'static Scenario,
    injector: FaultInjector,
    settings: Settings,
    clients: &Clients,
    outcome: &Outcome,
) -> Result<bool> {
    let FaultInjector { fleet, skipped, .. } = injector;
    let report = RunReport { settings, clients, repetition: scenario.repetition, outcome, skipped: &skipped };
    write!(io::stdout().lock(), "{report}")?;
    if report.problems().is_empty() {
        fleet.end().await?;
        return Ok(true);
    }
    let (name, history) = (fleet.name().to_owned(), lines(clients)?);
    let folder = fleet.keep().await?;
    fs::write(folder.join("client-history.jsonl"), history)?;
    eprintln!("the fleet is stopped; its logs and the client history are in {}", folder.display());
    eprintln!("its stores are there too, or in databases named {name}_*; its topics are named {name}.*");
    Ok(false)
}

/// The client history, as the auditor reads it.
fn lines(clients: &Clients) -> Result<String> {
    let lines = clients.observed().history.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    Ok(lines.join("\n"))
}

/// Ctrl-C, or SIGTERM.
async fn interrupted() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = ctrl_c() => Ok(interrupted?),
        _ = terminate.recv() => Ok(()),
    }
}
