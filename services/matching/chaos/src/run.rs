//! A run from the first student to the verdict.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use audit::{Journal, Report};
use matching_audit::{CONTEXTS, Stores, judge};
use testkit::eventually;
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::clients::Clients;
use crate::hands::Hands;
use crate::pace::Pace;
use crate::schedule::Planned;
use crate::{students, tutors};

/// How often it is looked whether a process has ended by itself.
const LOOK: Duration = Duration::from_millis(500);

/// Settings of a run.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long load and faults go on.
    pub length: Duration,
    /// Matches per second.
    pub rate: u32,
    /// What chance is drawn from.
    pub seed: u64,
    /// How long the fleet may take to settle.
    pub settle: Duration,
}

/// What came of a run.
pub struct Outcome {
    /// Why the fleet did not settle in time, if it did not.
    pub unsettled: Option<String>,
    /// How long that took.
    pub settled_after: Duration,
    /// What is in the stores.
    pub numbers: Numbers,
    /// The auditor's.
    pub report: Report,
}

/// How much there is.
#[derive(Debug, Clone, Copy)]
pub struct Numbers {
    /// Matches, also those that were cancelled later.
    pub established: usize,
    /// Of these, cancelled.
    pub canceled: usize,
    /// Visits, also those that were cancelled later.
    pub assigned: usize,
}

/// Load and faults; then peace, and the auditor.
pub async fn run(hands: &mut Hands, clients: &Arc<Clients>, faults: &[Planned], settings: Settings) -> Result<Outcome> {
    let Settings { length, rate, seed, settle } = settings;
    let over = CancellationToken::new();
    let students = tokio::spawn(students::come(Arc::clone(clients), Pace { rate }, seed, over.clone()));
    let tutors = tokio::spawn(tutors::come(Arc::clone(clients), rate, seed, over.clone()));
    let _ends_with_us = over.clone().drop_guard();
    disturb(hands, clients, faults, length).await?;
    hands.calm().await?;
    over.cancel();
    students.await?;
    tutors.await?;
    eprintln!("load and faults are over: the fleet settles");
    let (began, mut unsettled) = (clients.timeline.now(), None);
    if let Err(reason) = settled(hands, clients, settle).await {
        unsettled = Some(format!("{reason:#}"));
    }
    let settled_after = clients.timeline.now().saturating_sub(began);
    let (numbers, report) = audit(hands, clients).await?;
    Ok(Outcome { unsettled, settled_after, numbers, report })
}

/// Does and undoes what was planned, and revives what has ended by itself, until the time is over.
async fn disturb(hands: &mut Hands, clients: &Arc<Clients>, faults: &[Planned], length: Duration) -> Result<()> {
    let begins = faults.iter().enumerate().map(|(index, planned)| (planned.from, index, true));
    let ends = faults.iter().enumerate().map(|(index, planned)| (planned.to, index, false));
    let mut turns: Vec<_> = begins.chain(ends).collect();
    turns.sort();
    let mut lines = vec![None; faults.len()];
    for (at, index, begins) in turns {
        pass(hands, clients, at).await?;
        let fault = &faults[index].fault;
        if begins {
            lines[index] = Some(clients.timeline.begins(&fault.what.to_string(), &fault.on));
            hands.inflict(fault).await.with_context(|| format!("{} on {}", fault.what, fault.on))?;
            eprintln!("{:7.1} s  {:<32} {}", clients.timeline.now().as_secs_f64(), fault.what.to_string(), fault.on);
        } else {
            let (clients, line) = (Arc::clone(clients), lines[index].take());
            let over = move || line.into_iter().for_each(|line| clients.timeline.undone(line));
            hands.undo(fault, over).await.with_context(|| format!("undoing {} on {}", fault.what, fault.on))?;
        }
    }
    pass(hands, clients, length).await
}

/// Lets time pass until `until`.
async fn pass(hands: &mut Hands, clients: &Clients, until: Duration) -> Result<()> {
    let mut looks = interval(LOOK);
    while let Some(left) = until.checked_sub(clients.timeline.now()) {
        tokio::select! {
            () = sleep(left) => {}
            _ = looks.tick() => revive(hands, clients)?,
        }
    }
    revive(hands, clients)
}

fn revive(hands: &mut Hands, clients: &Clients) -> Result<()> {
    for (name, what) in hands.revive()? {
        eprintln!("{:7.1} s  {what:<32} {name}", clients.timeline.now().as_secs_f64());
        clients.timeline.by_itself(what, &name);
    }
    Ok(())
}

/// Waits until all is ready, nothing is undecided, nothing is to be paid back, and no event is under way.
async fn settled(hands: &mut Hands, clients: &Clients, limit: Duration) -> Result<()> {
    let deadline = clients.timeline.now() + limit;
    let left = || deadline.saturating_sub(clients.timeline.now());
    while let Err(reason) = hands.fleet.ready().await {
        ensure!(!left().is_zero(), "not ready: {reason:#}");
        revive(hands, clients)?;
    }
    let fleet = &hands.fleet;
    eventually(left(), "every match is decided and every refund is made", async || {
        let sql = "SELECT COUNT(*) FROM matches WHERE phase IN ('pending', 'settling')";
        let undecided = fleet.number("match", sql).await?;
        let due = fleet.number("payment", "SELECT COUNT(*) FROM refunds_due").await?;
        ensure!((undecided, due) == (0, 0), "{undecided} matches are undecided, {due} refunds are due");
        Ok(())
    })
    .await?;
    fleet.settled(left()).await
}

async fn audit(hands: &Hands, clients: &Clients) -> Result<(Numbers, Report)> {
    let stores = Stores::read(&hands.fleet.stores()?).await?;
    let broker = hands.fleet.broker();
    let journal = tokio::task::spawn_blocking(move || Journal::read(&broker, &CONTEXTS)).await??;
    let report = judge(&stores, &journal, Some(&clients.seen().told));
    Ok((Numbers::of(&stores), report))
}

impl Numbers {
    fn of(stores: &Stores) -> Self {
        let established = || stores.matches.values().filter(|row| row.phase == "established");
        let canceled = ["matchCanceled", "paymentCanceled", "visitCanceled"];
        Self {
            established: established().count(),
            canceled: established().filter(|row| canceled.contains(&row.step.as_str())).count(),
            assigned: stores.cases.values().filter(|case| case.teacher.is_some()).count(),
        }
    }
}
