//! `flotilla`: runs a fleet of services on one machine.

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use flotilla::args::{ArgsError, UpArgs};
use flotilla::checks::{AuditArgs, CheckError, NOT_CHECKED, OwnFleetArgs, audit, bench, chaos};
use flotilla::fleet_client::FleetClientError;
use flotilla::list::list;
use flotilla::rebuild::{RebuildArgs, RebuildError, rebuild};
use flotilla::redrive::{RedriveArgs, RedriveError, redrive};
use flotilla::screen::Screen;
use flotilla::status::{StatusArgs, status};
use flotilla::stop::Stop;
use flotilla::tail::{TailArgs, TailError, tail};
use flotilla::token::{TokenArgs, TokenError, token};
use flotilla::up::{UpError, up};

/// Run fleets of services on one machine.
#[derive(Debug, Parser)]
#[command(name = "flotilla", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the fleets and their contexts
    Fleets,
    /// Start a fleet and supervise it until Ctrl-C
    Up(UpArgs),
    /// Print a token for a fleet that was started with --auth
    Token(TokenArgs),
    /// Show the state of each process; exit code 1 unless all are ready
    Status(StatusArgs),
    /// Print the events of a fleet as they are published
    Events(TailArgs),
    /// List or redrive dead letters and rejected events; exit code 1 unless all redriven ones are handled
    Redrive(RedriveArgs),
    /// Rebuild the view of a context from the topics
    Rebuild(RebuildArgs),
    /// Audit a quiescent fleet; exit code 1 if a law is violated, 2 if the fleet cannot be read
    Audit(AuditArgs),
    /// Inject faults into a separate fleet under load, then audit it
    Chaos(OwnFleetArgs),
    /// Measure the figures of separate fleets on a running Kafka and PostgreSQL
    Bench(OwnFleetArgs),
}

/// An error that the user sees as one line.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the runtime does not start: {0}")]
    Runtime(#[from] io::Error),
    #[error(transparent)]
    Fleets(#[from] ArgsError),
    #[error(transparent)]
    Up(#[from] UpError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Status(#[from] FleetClientError),
    #[error(transparent)]
    Events(#[from] TailError),
    #[error(transparent)]
    Redrive(#[from] RedriveError),
    #[error(transparent)]
    Rebuild(#[from] RebuildError),
    #[error(transparent)]
    Check(#[from] CheckError),
}

fn main() -> ExitCode {
    tls_provider::install();
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("flotilla: {failure}");
            failure.code()
        }
    }
}

impl Failure {
    fn code(&self) -> ExitCode {
        if matches!(self, Self::Check(_)) { ExitCode::from(NOT_CHECKED) } else { ExitCode::FAILURE }
    }
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(execute(cli.command));
    // A blocking call to a broker that does not respond must not delay the exit.
    runtime.shutdown_background();
    result
}

async fn execute(command: Command) -> Result<ExitCode, Failure> {
    let screen = Screen::stdout();
    let success = match command {
        Command::Fleets => list(&screen).map(|()| true)?,
        Command::Up(args) => up(&args, &screen, &Stop::on_signals()?).await.map(|()| true)?,
        Command::Token(args) => token(&args, &screen).map(|()| true)?,
        Command::Status(args) => status(&args, &screen).await?,
        Command::Events(args) => tail(&args, &screen, &Screen::stderr(), &Stop::on_signals()?).await.map(|()| true)?,
        Command::Redrive(args) => redrive(&args, &screen).await?,
        Command::Rebuild(args) => rebuild(&args, &screen).await.map(|()| true)?,
        Command::Audit(args) => return Ok(ExitCode::from(audit(&args).await?)),
        Command::Chaos(args) => return Ok(ExitCode::from(chaos(&args).await?)),
        Command::Bench(args) => return Ok(ExitCode::from(bench(&args).await?)),
    };
    Ok(if success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
