//! `matching-chaos`: the matching fleet as real processes, under load and under faults; and then the auditor. Ends with 0
//! if nothing was wrong, 1 if something was, 2 if it could not be carried out.
//!
//! | file | what |
//! |---|---|
//! | `fault.rs`, `schedule.rs` | what can go wrong, and when it does: drawn by a seed |
//! | `hands.rs`, `orders.rs` | do and undo it |
//! | `students.rs`, `tutors.rs`, `pace.rs` | the load |
//! | `asked.rs`, `clients.rs`, `statistics.rs` | what was answered, and whether that is documented |
//! | `run.rs`, `timeline.rs`, `show.rs` | a run, and what it tells |

mod args;
mod asked;
mod clients;
mod fault;
mod hands;
mod orders;
mod pace;
mod run;
mod schedule;
mod show;
mod statistics;
mod students;
mod timeline;
mod tutors;

use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ambient::{Ids, SystemClock};
use anyhow::{Result, bail};
use clap::Parser as _;
use testkit::Ground;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::Args;
use crate::clients::Clients;
use crate::hands::Hands;
use crate::run::{Outcome, Settings, run};
use crate::schedule::draw;
use crate::show::Shown;

#[tokio::main]
async fn main() -> ExitCode {
    match chaos(&Args::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("matching-chaos: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether nothing was wrong.
async fn chaos(args: &Args) -> Result<bool> {
    let (parts, length) = (args.parts()?, args.length()?);
    let seed = args.seed.unwrap_or_else(|| Ids::from_entropy(Arc::new(SystemClock)).number().unsigned_abs());
    let settings = Settings { length, rate: args.rate, seed, settle: args.settle };
    let ground = Ground::new(&args.manifest, args.binaries.clone())?;
    ground.check()?;
    eprintln!("{} parts, seed {seed}: the fleet starts", parts.name());
    let mut hands = Hands::new(ground.fleet(&parts, "flotilla-chaos").await?);
    let ended = tokio::select! {
        outcome = carry_out(&mut hands, settings, args.every) => Some(outcome),
        interrupted = interrupted() => interrupted.map(|()| None)?,
    };
    hands.calm().await?;
    match ended {
        Some(Ok((clients, outcome))) => tell(hands, settings, &clients, &outcome).await,
        Some(Err(error)) => {
            eprintln!("what it left is in {}", hands.fleet.keep().await?.display());
            Err(error)
        }
        None => {
            hands.fleet.end().await?;
            bail!("interrupted: nothing is left behind")
        }
    }
}

async fn carry_out(hands: &mut Hands, settings: Settings, every: Duration) -> Result<(Arc<Clients>, Outcome)> {
    hands.start().await?;
    let faults = draw(settings.seed, settings.length, every, &hands.possible);
    let clients = Arc::new(Clients::new(hands.fleet.gateway()?, settings.length));
    let outcome = run(hands, &clients, &faults, settings).await?;
    Ok((clients, outcome))
}

/// Prints the report. What there is to find a cause with is kept if anything was wrong.
async fn tell(hands: Hands, settings: Settings, clients: &Clients, outcome: &Outcome) -> Result<bool> {
    let shown = Shown { settings, clients, outcome, left_out: &hands.left_out };
    write!(io::stdout().lock(), "{shown}")?;
    if shown.wrong().is_empty() {
        hands.fleet.end().await?;
        return Ok(true);
    }
    let (name, told) = (hands.fleet.name().to_owned(), lines(clients)?);
    let folder = hands.fleet.keep().await?;
    fs::write(folder.join("told.jsonl"), told)?;
    eprintln!("the fleet is stopped; its logs and what clients were told are in {}", folder.display());
    eprintln!("its stores are there too, or in databases named {name}_*; its topics are named {name}.*");
    Ok(false)
}

/// What clients were told, as the auditor reads it.
fn lines(clients: &Clients) -> Result<String> {
    let lines = clients.seen().told.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
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
