//! `flotilla`: runs a fleet of services on one machine.

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use flotilla::args::UpArgs;
use flotilla::screen::Screen;
use flotilla::stop::Stop;
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
}

/// Each of these is told to the user as one line.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the runtime does not start: {0}")]
    Runtime(#[from] io::Error),
    #[error(transparent)]
    Up(#[from] UpError),
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("flotilla: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = Stop::on_signals()?;
        match cli.command {
            Command::Up(args) => Ok(up(&args, &Screen::stdout(), &stop).await?),
        }
    })
}
