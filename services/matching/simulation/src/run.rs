use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use audit::{Journal, Report};
use matching_audit::{CONTEXTS, Stores, judge};
use messaging::Record;
use simulation::{Line, Mutation, World, simulate};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::books;
use crate::fleet::{self, FLEET};
use crate::people::People;
use crate::provider::Till;
use crate::weather;

/// Matches of a run.
const MATCHES: i64 = 10;

/// How long the fleet may take to come to rest once all is calm.
const REST: Duration = Duration::from_mins(2);

/// How often it is looked whether it has.
const LOOK_AGAIN: Duration = Duration::from_secs(4);

/// A rule that is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// See [`Mutation::PublishBeforeCommit`].
    PublishBeforeCommit,
    /// See [`Mutation::CommitOffsetFirst`].
    CommitOffsetFirst,
    /// See [`Mutation::NoInbox`].
    NoInbox,
    /// Nobody undoes a request whose outcome is unknown.
    NoRecovery,
    /// A charge that gets no answer is sent again as a new one.
    PaymentWithoutKey,
    /// See [`Mutation::RelayWithoutLeader`].
    RelayWithoutLeader,
}

impl Broken {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::PublishBeforeCommit,
        Self::CommitOffsetFirst,
        Self::NoInbox,
        Self::NoRecovery,
        Self::PaymentWithoutKey,
        Self::RelayWithoutLeader,
    ];

    fn mutation(self) -> Option<Mutation> {
        Some(match self {
            Self::PublishBeforeCommit => Mutation::PublishBeforeCommit,
            Self::CommitOffsetFirst => Mutation::CommitOffsetFirst,
            Self::NoInbox => Mutation::NoInbox,
            Self::NoRecovery => Mutation::Muted("UPDATE matches SET phase = 'settling', settle_at = $2 WHERE"),
            Self::RelayWithoutLeader => Mutation::RelayWithoutLeader,
            Self::PaymentWithoutKey => return None,
        })
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PublishBeforeCommit => "publish-before-commit",
            Self::CommitOffsetFirst => "commit-offset-first",
            Self::NoInbox => "no-inbox",
            Self::NoRecovery => "no-recovery",
            Self::PaymentWithoutKey => "payment-without-key",
            Self::RelayWithoutLeader => "relay-without-leader",
        })
    }
}

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// What the laws say.
    pub report: Report,
    /// All that happened.
    pub story: Vec<Line>,
    /// How many matches were established at the end.
    pub established: usize,
}

impl Outcome {
    /// A number that differs if anything in the story does.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.story.iter().for_each(|line| line.to_string().hash(&mut hasher));
        hasher.finish()
    }

    /// What happened to one match, and whatever befell all, step by step.
    pub fn story_of(&self, case: i64) -> impl Iterator<Item = &Line> {
        self.story.iter().filter(move |line| line.case.is_none_or(|id| id == case))
    }

    /// The first match of which a law does not hold.
    pub fn first_violation(&self) -> Option<(&'static str, i64, &str)> {
        let verdicts = self.report.verdicts.iter();
        verdicts.flat_map(|verdict| verdict.violations.iter().map(|v| (verdict.law, v.case, v.what.as_str()))).next()
    }
}

/// One run, from its seed to its verdict.
///
/// # Errors
///
/// When the machine does not allow it; what goes wrong in the simulation is in the outcome.
pub fn run(seed: u64, broken: Option<Broken>) -> Result<Outcome> {
    simulate(seed, broken.and_then(Broken::mutation), async |world| {
        let till = Arc::new(Till::new(&world, broken == Some(Broken::PaymentWithoutKey)));
        let people = Arc::new(People::new(&world));
        fleet::start(&world, &till)?;
        let faults = weather::begin(&world, &till);
        live(&people).await?;
        weather::end(&world, &till, faults).await;
        let (report, established) = rest(&world, &till, &people).await?;
        Ok(Outcome { report, story: world.story(), established })
    })
}

/// Students and tutors come and go.
async fn live(people: &Arc<People>) -> Result<()> {
    let mut all = JoinSet::new();
    for id in 1..=MATCHES {
        let people = Arc::clone(people);
        all.spawn(async move { people.student(id).await });
    }
    for _ in 0..3 {
        let people = Arc::clone(people);
        all.spawn(async move { people.tutor(1..=MATCHES).await });
    }
    let eager = Arc::clone(people);
    all.spawn(async move { eager.eager_tutor().await });
    while let Some(ended) = all.join_next().await {
        ended?;
    }
    Ok(())
}

/// Waits until the laws hold, or the time for that is over.
async fn rest(world: &World, till: &Till, people: &People) -> Result<(Report, usize)> {
    let deadline = Instant::now() + REST;
    let urls = fleet::stores(world)?;
    loop {
        sleep(LOOK_AGAIN).await;
        if world.log().lag() > 0 && Instant::now() < deadline {
            continue;
        }
        let (stores, journal) = (Stores::read(&urls).await?, journal(world));
        let mut report = judge(&stores, &journal, Some(&people.told()));
        report.verdicts.extend([
            books::the_provider_holds_what_is_paid(&stores, till),
            books::repeats_stay_in_order(&journal),
            books::nothing_is_applied_twice(&journal, world),
        ]);
        if report.verdicts.iter().all(|verdict| verdict.violations.is_empty()) || Instant::now() >= deadline {
            let established = stores.matches.values().filter(|row| row.phase == "established").count();
            return Ok((report, established));
        }
    }
}

fn journal(world: &World) -> Journal {
    let log = world.log();
    let records = CONTEXTS.into_iter().flat_map(|context| {
        let letters = format!("{context}.dead-letters");
        [context.to_owned(), letters].map(|name| {
            let records: Vec<Record> = log.records(&format!("{FLEET}.{name}"));
            (name, records)
        })
    });
    Journal::of(records.collect())
}
