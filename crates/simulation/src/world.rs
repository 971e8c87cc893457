use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use ambient::{Clock, Timestamp};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::broker::log::Log;
use crate::outages::Outages;
use crate::running::Running;
use crate::{Mutation, Risks, TraceLine};

/// The start of every run: 2026-11-21T07:30:00Z.
const START: Timestamp = Timestamp::from_micros(1_795_246_200_000_000);

/// The usual duration of an operation.
const USUAL: Range<Duration> = Duration::from_millis(1)..Duration::from_millis(4);

/// The factor of a slow operation.
const SLOW: u32 = 100;

static WORLDS: Mutex<BTreeMap<PathBuf, Weak<World>>> = Mutex::new(BTreeMap::new());

/// The world with this folder. The driver of the stores has nothing else to find it by.
pub(crate) fn world_of(folder: &Path) -> Arc<World> {
    let world = lock(&WORLDS).get(folder).and_then(Weak::upgrade);
    #[expect(clippy::expect_used, reason = "a store of a simulation is opened within it, or the simulation is wrong")]
    world.expect("a store is opened outside of its world")
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The state of one run: time, randomness, trace, faults, topics and processes.
pub struct World {
    folder: TempDir,
    start: Instant,
    rng: Mutex<fastrand::Rng>,
    trace: Mutex<Vec<TraceLine>>,
    risks: Mutex<Risks>,
    outages: Mutex<Outages>,
    mutation: Option<Mutation>,
    log: Log,
    processes: Mutex<BTreeMap<String, Arc<Running>>>,
    /// How often each store has committed each event as new.
    applied: Mutex<BTreeMap<(String, String), u32>>,
    /// The tags of the statements that were executed.
    tags: Mutex<BTreeSet<String>>,
    ended: CancellationToken,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("folder", &self.folder.path()).finish_non_exhaustive()
    }
}

impl World {
    pub(crate) fn create(seed: u64, mutation: Option<Mutation>) -> std::io::Result<Arc<Self>> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("flotilla-simulation-");
        // In memory, where there is such a folder.
        let folder = builder.tempdir_in("/dev/shm").or_else(|_| builder.tempdir())?;
        let world = Arc::new(Self {
            folder,
            start: Instant::now(),
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
            trace: Mutex::default(),
            risks: Mutex::default(),
            outages: Mutex::default(),
            mutation,
            log: Log::new(mutation == Some(Mutation::CommitOffsetFirst)),
            processes: Mutex::default(),
            applied: Mutex::default(),
            tags: Mutex::default(),
            ended: CancellationToken::new(),
        });
        lock(&WORLDS).insert(world.folder().to_owned(), Arc::downgrade(&world));
        Ok(world)
    }

    /// Ends all processes; none is restarted.
    pub(crate) fn kill_all(&self) {
        self.ended.cancel();
        let names: Vec<String> = self.processes().keys().cloned().collect();
        for name in names {
            self.kill(&name, "at the end");
        }
    }

    /// Drops the processes, which hold this world through their settings, and removes the world from the static map.
    pub(crate) fn remove(&self) {
        self.processes().clear();
        lock(&WORLDS).remove(self.folder());
    }

    /// Cancelled at the end of the run.
    pub(crate) const fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// The folder of the stores.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The simulated clock.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SimulatedClock(self.start))
    }

    /// The simulated time since the start of the run.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Draws from the random numbers of the run; it has no others.
    pub fn draw<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut lock(&self.rng))
    }

    /// A random duration within a range.
    pub fn span(&self, range: Range<Duration>) -> Duration {
        let (from, to) = (range.start.as_micros(), range.end.as_micros());
        let micros = self.draw(|rng| rng.u128(from..to.max(from + 1)));
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// Whether something of this probability occurs now.
    pub fn occurs(&self, probability: f64) -> bool {
        probability > 0.0 && self.draw(fastrand::Rng::f64) < probability
    }

    /// Waits for the random duration of an operation.
    pub(crate) async fn delay(&self) {
        if self.draw(fastrand::Rng::bool) {
            return tokio::task::yield_now().await;
        }
        let span = self.span(USUAL);
        sleep(if self.occurs(self.risks().slow) { span * SLOW } else { span }).await;
    }

    /// Adds a line to the trace.
    pub fn record(&self, who: &str, case: Option<i64>, what: impl Into<String>) {
        let line = TraceLine { at: self.elapsed(), case, who: who.to_owned(), what: what.into() };
        lock(&self.trace).push(line);
    }

    /// The trace of the run so far.
    pub fn trace(&self) -> Vec<TraceLine> {
        lock(&self.trace).clone()
    }

    /// Sets the probabilities of faults from now on.
    pub fn set_risks(&self, risks: Risks) {
        *lock(&self.risks) = risks;
    }

    pub(crate) fn risks(&self) -> Risks {
        *lock(&self.risks)
    }

    pub(crate) fn outages(&self) -> MutexGuard<'_, Outages> {
        lock(&self.outages)
    }

    /// Begins or ends an outage of a store.
    pub fn set_store_outage(&self, store: &str, out: bool) {
        self.record(store, None, if out { "store outage begins" } else { "store outage ends" });
        self.outages().set_store(store, out);
    }

    /// Begins or ends an outage of the broker.
    pub fn set_broker_outage(&self, out: bool) {
        self.record("broker", None, if out { "outage begins" } else { "outage ends" });
        self.outages().set_broker(out);
        self.log.wake();
    }

    /// Begins or ends a partition between a process and the broker.
    pub fn set_broker_partition(&self, process: &str, out: bool) {
        self.record(process, None, if out { "partitioned from the broker" } else { "reconnected to the broker" });
        self.outages().set_broker_for(process, out);
        self.log.wake();
    }

    /// Begins or ends a partition between a process and a context.
    pub fn set_link_outage(&self, from: &str, to: &str, out: bool) {
        self.record(from, None, format!("{} {to}", if out { "partitioned from" } else { "reconnected to" }));
        self.outages().set_link(from, to, out);
    }

    /// Ends all outages, and sets all probabilities of faults to zero.
    pub fn end_faults(&self) {
        self.record("all", None, "all faults end");
        self.set_risks(Risks::default());
        *self.outages() = Outages::default();
        self.log.wake();
    }

    pub(crate) fn record_tag(&self, tag: &str) {
        let mut tags = lock(&self.tags);
        if !tags.contains(tag) {
            tags.insert(tag.to_owned());
        }
    }

    /// The tags of the statements that were executed so far.
    pub fn tags(&self) -> BTreeSet<String> {
        lock(&self.tags).clone()
    }

    pub(crate) fn count_applied(&self, store: &str, events: &[String]) {
        let mut applied = lock(&self.applied);
        for event in events {
            *applied.entry((store.to_owned(), event.clone())).or_default() += 1;
        }
    }

    /// By store and event id, how often the store has applied the event: a new row of its inbox was committed.
    pub fn applied(&self) -> BTreeMap<(String, String), u32> {
        lock(&self.applied).clone()
    }

    pub(crate) fn mutation(&self) -> Option<Mutation> {
        self.mutation
    }

    /// The topics and consumer groups of the broker.
    pub fn log(&self) -> &Log {
        &self.log
    }

    pub(crate) fn processes(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Running>>> {
        lock(&self.processes)
    }

    pub(crate) fn is_alive(&self, process: &str) -> bool {
        self.processes().get(process).is_some_and(|running| !running.killed.is_cancelled())
    }

    /// Kills a process, as `kill -9` does. Returns `false` if it does not run.
    pub fn kill(&self, process: &str, when: &str) -> bool {
        let running = self.processes().get(process).cloned();
        let Some(running) = running.filter(|running| !running.killed.is_cancelled()) else { return false };
        self.record(process, None, format!("is killed {when}"));
        *lock(&running.router) = None;
        running.host.kill();
        running.killed.cancel();
        self.log.process_died(process);
        true
    }
}

#[derive(Debug)]
struct SimulatedClock(Instant);

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        START.plus(self.0.elapsed())
    }
}
