use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use ambient::{Clock, Timestamp};
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::away::Away;
use crate::broker::Log;
use crate::driver;
use crate::process::Running;
use crate::{Line, Mutation, Risks};

/// When every run begins: 2026-11-21T07:30:00Z.
const BEGIN: Timestamp = Timestamp::from_micros(1_795_246_200_000_000);

/// How long something usually takes.
const USUAL: Range<Duration> = Duration::from_millis(1)..Duration::from_millis(4);

/// How much longer something slow takes.
const SLOW: u32 = 100;

/// How long tasks get to end.
const TO_END: Duration = Duration::from_secs(1);

static WORLDS: Mutex<BTreeMap<PathBuf, Weak<World>>> = Mutex::new(BTreeMap::new());

/// The world with this folder.
pub(crate) fn world_of(folder: &Path) -> Arc<World> {
    let world = lock(&WORLDS).get(folder).and_then(Weak::upgrade);
    #[expect(clippy::expect_used, reason = "a store of a simulation is opened within it, or the simulation is wrong")]
    world.expect("a store is opened outside of its world")
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All that lies around the processes of one run.
pub struct World {
    folder: TempDir,
    began: Instant,
    chance: Mutex<fastrand::Rng>,
    story: Mutex<Vec<Line>>,
    risks: Mutex<Risks>,
    away: Mutex<Away>,
    mutation: Option<Mutation>,
    log: Log,
    processes: Mutex<BTreeMap<String, Arc<Running>>>,
    /// How often each store has taken each event for new.
    applied: Mutex<BTreeMap<(String, String), u32>>,
    ended: CancellationToken,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("folder", &self.folder.path()).finish_non_exhaustive()
    }
}

/// Runs `course` in a new world in which everything that could differ between two runs comes from the seed.
///
/// # Errors
///
/// When there is no folder for the stores, or no runtime; and those of `course`.
pub fn simulate<T>(
    seed: u64,
    mutation: Option<Mutation>,
    course: impl AsyncFnOnce(Arc<World>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    driver::install();
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
    LocalSet::new().block_on(&runtime, async {
        let world = Arc::new(World::new(seed, mutation)?);
        let folder = world.folder.path().to_owned();
        lock(&WORLDS).insert(folder.clone(), Arc::downgrade(&world));
        let ended = course(Arc::clone(&world)).await;
        world.end().await;
        lock(&WORLDS).remove(&folder);
        ended
    })
}

impl World {
    fn new(seed: u64, mutation: Option<Mutation>) -> std::io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("flotilla-simulation-");
        // In memory, where there is such a folder.
        let folder = builder.tempdir_in("/dev/shm").or_else(|_| builder.tempdir())?;
        Ok(Self {
            folder,
            began: Instant::now(),
            chance: Mutex::new(fastrand::Rng::with_seed(seed)),
            story: Mutex::default(),
            risks: Mutex::default(),
            away: Mutex::default(),
            mutation,
            log: Log::new(mutation == Some(Mutation::CommitOffsetFirst)),
            processes: Mutex::default(),
            applied: Mutex::default(),
            ended: CancellationToken::new(),
        })
    }

    /// Ends all processes for good, and with them whatever holds this world.
    async fn end(&self) {
        self.ended.cancel();
        let names: Vec<String> = self.processes().keys().cloned().collect();
        for name in names {
            self.kill(&name, "at the end");
        }
        sleep(TO_END).await;
        self.processes().clear();
    }

    /// Cancelled when the run is over.
    pub(crate) const fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// The folder of the stores.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The world's clock.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SimulatedClock(self.began))
    }

    /// How long the run has lasted.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Chance: all of it in a run comes from here.
    pub fn draw<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut lock(&self.chance))
    }

    /// A span between two others.
    pub fn span(&self, between: Range<Duration>) -> Duration {
        let (from, to) = (between.start.as_micros(), between.end.as_micros());
        let micros = self.draw(|chance| chance.u128(from..to.max(from + 1)));
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// Whether something of this risk happens now.
    pub fn befalls(&self, risk: f64) -> bool {
        risk > 0.0 && self.draw(fastrand::Rng::f64) < risk
    }

    /// Lets something take its time.
    pub(crate) async fn pass_time(&self) {
        if self.draw(fastrand::Rng::bool) {
            return tokio::task::yield_now().await;
        }
        let span = self.span(USUAL);
        sleep(if self.befalls(self.risks().slow) { span * SLOW } else { span }).await;
    }

    /// Writes down what happens.
    pub fn tell(&self, who: &str, case: Option<i64>, what: impl Into<String>) {
        let line = Line { at: self.elapsed(), case, who: who.to_owned(), what: what.into() };
        lock(&self.story).push(line);
    }

    /// All that has happened.
    pub fn story(&self) -> Vec<Line> {
        lock(&self.story).clone()
    }

    /// Sets what may go wrong from now on.
    pub fn set_risks(&self, risks: Risks) {
        *lock(&self.risks) = risks;
    }

    pub(crate) fn risks(&self) -> Risks {
        *lock(&self.risks)
    }

    pub(crate) fn away(&self) -> MutexGuard<'_, Away> {
        lock(&self.away)
    }

    /// Takes a store away, or brings it back.
    pub fn set_store(&self, store: &str, away: bool) {
        self.tell(store, None, if away { "the store is away" } else { "the store is back" });
        self.away().store(store, away);
    }

    /// Takes the broker away, or brings it back.
    pub fn set_broker(&self, away: bool) {
        self.tell("broker", None, if away { "is away" } else { "is back" });
        self.away().broker(away);
        self.log.wake();
    }

    /// Cuts a process off from the broker, or lets it reach it again.
    pub fn set_broker_for(&self, process: &str, away: bool) {
        self.tell(process, None, if away { "does not reach the broker" } else { "reaches the broker again" });
        self.away().broker_for(process, away);
        self.log.wake();
    }

    /// Cuts the way from a process to a context, or opens it again.
    pub fn set_link(&self, from: &str, to: &str, away: bool) {
        self.tell(from, None, format!("{} {to}", if away { "does not reach" } else { "reaches again" }));
        self.away().link(from, to, away);
    }

    /// Everything can be reached, and nothing goes wrong any more.
    pub fn calm(&self) {
        self.tell("all", None, "nothing goes wrong any more");
        self.set_risks(Risks::default());
        *self.away() = Away::default();
        self.log.wake();
    }

    pub(crate) fn applied(&self, store: &str, events: &[String]) {
        let mut applied = lock(&self.applied);
        for event in events {
            *applied.entry((store.to_owned(), event.clone())).or_default() += 1;
        }
    }

    /// How often each store has applied each event: its inbox took it for new, and the transaction was committed.
    pub fn applications(&self) -> BTreeMap<(String, String), u32> {
        lock(&self.applied).clone()
    }

    pub(crate) fn mutation(&self) -> Option<Mutation> {
        self.mutation
    }

    /// All topics, and how far groups are.
    pub fn log(&self) -> &Log {
        &self.log
    }

    pub(crate) fn processes(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Running>>> {
        lock(&self.processes)
    }
}

#[derive(Debug)]
struct SimulatedClock(Instant);

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        BEGIN.plus(self.0.elapsed())
    }
}
