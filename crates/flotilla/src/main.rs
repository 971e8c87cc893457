//! `flotilla`: runs a fleet of services on one machine.

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use flotilla::args::UpArgs;
use flotilla::checks::{AuditArgs, ChaosArgs, CheckError, NOT_CHECKED, audit, chaos};
use flotilla::rebuild::{RebuildArgs, RebuildError, rebuild};
use flotilla::redrive::{RedriveArgs, RedriveError, redrive};
use flotilla::running::RunningError;
use flotilla::screen::Screen;
use flotilla::status::{StatusArgs, status};
use flotilla::stop::Stop;
use flotilla::tail::{TailArgs, TailError, tail};
use flotilla::token::{TokenArgs, TokenError, token};
use flotilla::up::{UpError, up};

/// Runs a fleet of services on one machine.
#[derive(Debug, Parser)]
#[command(name = "flotilla", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts a fleet and keeps it running until Ctrl-C
    Up(UpArgs),
    /// Prints a token for a fleet that was started with --auth
    Token(TokenArgs),
    /// Shows how each process stands; ends with 1 unless all are ready
    Status(StatusArgs),
    /// Shows the events of a fleet as they are said
    Events(TailArgs),
    /// Lists dead letters or sends them again; ends with 1 unless all that were sent are handled
    Redrive(RedriveArgs),
    /// Rebuilds the view of a context from the topics
    Rebuild(RebuildArgs),
    /// Holds a fleet at rest against its laws; ends with 1 if one is violated, 2 if the fleet cannot be read
    Audit(AuditArgs),
    /// Does to a fleet of its own all that can go wrong, and audits it
    Chaos(ChaosArgs),
}

/// Each of these is told to the user as one line.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the runtime does not start: {0}")]
    Runtime(#[from] io::Error),
    #[error(transparent)]
    Up(#[from] UpError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Status(#[from] RunningError),
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
    let ended = runtime.block_on(obey(cli.command));
    // A question to a broker that does not answer must not hold up the end.
    runtime.shutdown_background();
    ended
}

async fn obey(command: Command) -> Result<ExitCode, Failure> {
    let screen = Screen::stdout();
    let well = match command {
        Command::Up(args) => up(&args, &screen, &Stop::on_signals()?).await.map(|()| true)?,
        Command::Token(args) => token(&args, &screen).map(|()| true)?,
        Command::Status(args) => status(&args, &screen).await?,
        Command::Events(args) => tail(&args, &screen, &Screen::stderr(), &Stop::on_signals()?).await.map(|()| true)?,
        Command::Redrive(args) => redrive(&args, &screen).await?,
        Command::Rebuild(args) => rebuild(&args, &screen).await.map(|()| true)?,
        Command::Audit(args) => return Ok(ExitCode::from(audit(&args).await?)),
        Command::Chaos(args) => return Ok(ExitCode::from(chaos(&args).await?)),
    };
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
