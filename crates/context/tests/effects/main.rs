//! Effects are executed after their commit: at least once, by one of the processes.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ambient::{Ids, ManualClock, Timestamp};
use chassis::Host;
use context::{Effect, Effects};
use futures_util::FutureExt as _;
use serde::Serialize;
use store::sqlx::{self, FromRow};
use store::{Column, Migrations, Store};
use test_stores::random::cases;
use test_stores::{TestStore, eventually, on_each_store};
use tokio::sync::Notify;

const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!("tests/effects/migrations"));

const NOW: Timestamp = Timestamp::from_micros(1_795_246_200_000_000);

/// Longer than the lease on an effect.
const LONG: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow, Serialize)]
struct Call {
    number: i64,
    part: i64,
}

impl Effect for Call {
    const NAME: &'static str = "calls";
    const TABLE: &'static str = "calls";
    const KEY: &'static [&'static str] = &["number", "part"];
    const COLUMNS: &'static [(&'static str, Column)] = &[("number", Column::Number), ("part", Column::Number)];
}

fn call(number: i64) -> Call {
    Call { number, part: 1 }
}

/// An external system. It counts the calls that have taken effect.
#[derive(Default)]
struct External {
    executed: Mutex<BTreeMap<i64, usize>>,
    /// Calls that fail.
    failing: Mutex<BTreeSet<i64>>,
    /// Calls that take effect, and get no response.
    silent: Mutex<BTreeSet<i64>>,
    called: Notify,
}

impl External {
    async fn call(&self, number: i64) -> Result<(), &'static str> {
        if self.failing.lock().unwrap().contains(&number) {
            return Err("it fails");
        }
        *self.executed.lock().unwrap().entry(number).or_default() += 1;
        self.called.notify_one();
        if self.silent.lock().unwrap().contains(&number) {
            pending::<()>().await;
        }
        tokio::task::yield_now().await;
        Ok(())
    }

    fn count(&self, number: i64) -> usize {
        self.executed.lock().unwrap().get(&number).copied().unwrap_or_default()
    }
}

/// A process on a store.
struct Process {
    store: Store,
    host: Host,
    effects: Effects<Call>,
}

impl Process {
    async fn on(place: &TestStore, clock: &Arc<ManualClock>) -> Self {
        let store = place.open(&[MIGRATIONS]).await;
        let host = Host::new(clock.clone(), Arc::new(Ids::seeded(clock.clone(), 1)));
        let effects = Effects::new(&store, host.clock());
        Self { store, host, effects }
    }

    fn start(&self, external: &Arc<External>) {
        let external = Arc::clone(external);
        self.effects.start(&self.host, move |call: Call| {
            let external = Arc::clone(&external);
            async move { external.call(call.number).await }
        });
    }

    async fn record(&self, numbers: impl IntoIterator<Item = i64>) {
        let calls: Vec<Call> = numbers.into_iter().map(call).collect();
        let mut tx = self.store.begin().await.unwrap();
        self.effects.record(&mut tx, &calls).await.unwrap();
        tx.commit().await.unwrap();
        self.effects.wake();
    }

    async fn pending(&self) -> Vec<i64> {
        self.effects.pending().await.unwrap().iter().map(|call| call.number).collect()
    }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(NOW))
}

#[test]
fn an_effect_is_executed_once_if_its_transaction_commits_and_never_if_not() {
    on_each_store(async |place| {
        let (process, external) = (Process::on(place, &clock()).await, Arc::default());
        process.start(&external);
        let mut tx = process.store.begin().await.unwrap();
        process.effects.record(&mut tx, &[call(1)]).await.unwrap();
        tx.rollback().await.unwrap();
        process.record([2, 3]).await;
        eventually("nothing is pending", async || process.pending().await.is_empty()).await;
        assert_eq!([1, 2, 3].map(|number| external.count(number)), [0, 1, 1]);
        process.host.stopping().cancel();
    });
}

#[test]
fn an_effect_that_fails_is_tried_again_later_and_delays_no_other() {
    on_each_store(async |place| {
        let clock = clock();
        let (process, external) = (Process::on(place, &clock).await, Arc::<External>::default());
        // More than are executed concurrently.
        external.failing.lock().unwrap().extend(1..=120);
        process.start(&external);
        process.record(1..=121).await;
        let failing: Vec<i64> = (1..=120).collect();
        eventually("all others are executed", async || process.pending().await == failing).await;
        external.failing.lock().unwrap().clear();
        process.effects.wake();
        clock.advance(LONG);
        eventually("nothing is pending", async || process.pending().await.is_empty()).await;
        assert!((1..=121).all(|number| external.count(number) == 1));
        process.host.stopping().cancel();
    });
}

#[test]
fn the_task_of_a_process_sleeps_until_it_is_woken() {
    on_each_store(async |place| {
        let process = Process::on(place, &clock()).await;
        assert!(process.effects.woken().now_or_never().is_none());
        process.record([1]).await;
        assert!(process.effects.woken().now_or_never().is_some());
    });
}

#[test]
fn several_processes_share_the_effects() {
    on_each_store(async |place| {
        let clock = clock();
        let processes = [Process::on(place, &clock).await, Process::on(place, &clock).await];
        let external = Arc::<External>::default();
        processes[0].record(1..=500).await;
        for process in &processes {
            process.start(&external);
            process.effects.wake();
        }
        eventually("nothing is pending", async || processes[0].pending().await.is_empty()).await;
        assert!((1..=500).all(|number| external.count(number) == 1), "{:?}", external.executed);
        for process in &processes {
            process.host.stopping().cancel();
        }
    });
}

#[test]
fn the_effect_of_a_process_that_died_is_executed_by_another_one_after_its_lease() {
    on_each_store(async |place| {
        let clock = clock();
        let (first, second) = (Process::on(place, &clock).await, Process::on(place, &clock).await);
        let external = Arc::<External>::default();
        external.silent.lock().unwrap().insert(1);
        first.start(&external);
        first.record([1]).await;
        external.called.notified().await;
        first.host.kill();
        external.silent.lock().unwrap().clear();
        second.start(&external);
        second.record([2]).await;
        eventually("the lease is respected", async || second.pending().await == [1]).await;
        assert_eq!(external.count(1), 1);
        clock.advance(LONG);
        second.effects.wake();
        eventually("nothing is pending", async || second.pending().await.is_empty()).await;
        assert_eq!(external.count(1), 2, "at least once");
        second.host.stopping().cancel();
    });
}

#[test]
fn an_effect_that_is_recorded_again_while_it_is_executed_is_executed_again() {
    on_each_store(async |place| {
        let process = Process::on(place, &clock()).await;
        let (called, proceed, count) = (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(Mutex::new(0)));
        let parts = (Arc::clone(&called), Arc::clone(&proceed), Arc::clone(&count));
        process.effects.start(&process.host, move |_: Call| {
            let (called, proceed, count) = parts.clone();
            async move {
                *count.lock().unwrap() += 1;
                called.notify_one();
                proceed.notified().await;
                Ok::<_, String>(())
            }
        });
        process.record([1]).await;
        called.notified().await;
        process.record([1]).await;
        proceed.notify_one();
        called.notified().await;
        proceed.notify_one();
        eventually("nothing is pending", async || process.pending().await.is_empty()).await;
        assert_eq!(*count.lock().unwrap(), 2);
        process.host.stopping().cancel();
    });
}

/// Processes die at any time, and calls fail, or get no response.
#[test]
fn every_effect_is_executed_at_least_once_whichever_process_dies() {
    on_each_store(async |place| {
        let clock = clock();
        let external = Arc::<External>::default();
        let mut next = 1;
        for (deaths, failing, silent) in cases(8, (0..4_i64, 0..5_i64, 0..5_i64)) {
            let numbers = next..next + 20;
            next = numbers.end;
            let some = |count| numbers.clone().take(usize::try_from(count).unwrap());
            external.failing.lock().unwrap().extend(some(failing));
            external.silent.lock().unwrap().extend(some(failing + silent));
            for _ in 0..deaths {
                let process = Process::on(place, &clock).await;
                process.start(&external);
                process.record(numbers.clone()).await;
                external.called.notified().await;
                process.host.kill();
                clock.advance(LONG);
            }
            external.failing.lock().unwrap().clear();
            external.silent.lock().unwrap().clear();
            let process = Process::on(place, &clock).await;
            process.start(&external);
            process.record(numbers.clone()).await;
            eventually("nothing is pending", async || process.pending().await.is_empty()).await;
            assert!(numbers.clone().all(|number| external.count(number) > 0), "{deaths} {failing} {silent}");
            process.host.stopping().cancel();
        }
    });
}
