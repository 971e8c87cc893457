use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;
use workload::Actor;

use crate::clients::Clients;
use crate::pace::Pace;

/// How often it is checked how many actors are due.
const TICK: Duration = Duration::from_millis(50);

/// The load of a run.
#[derive(Clone)]
pub struct Load {
    /// The clients that send the requests.
    pub(crate) clients: Arc<Clients>,
    /// Cases to be established per second.
    pub rate: u32,
    /// The seed of all random decisions.
    pub(crate) seed: u64,
    /// Cancelled when the load is over.
    pub(crate) over: CancellationToken,
}

/// Whether the case of an actor is established. Until it is decided, the actor counts as one that waits. An actor that ends
/// without a decision has established nothing.
pub struct Decision {
    tally: Arc<Tally>,
    established: bool,
}

/// How many actors work on their case, and how many cases are established.
#[derive(Debug, Default)]
struct Tally {
    undecided: AtomicU64,
    established: AtomicU64,
}

impl Load {
    /// An actor of this load.
    pub fn actor(&self, number: i64) -> Actor {
        let random = Rng::with_seed(self.seed ^ number.unsigned_abs());
        Actor { clients: Arc::clone(&self.clients) as _, number, random, over: self.over.clone() }
    }

    /// Lets actors arrive at the rate until the load is over, and waits for the end of the last one.
    pub async fn arrivals<F>(self, actor: impl Fn(Actor, Decision) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (tally, pace) = (Arc::new(Tally::default()), Pace { rate: self.rate });
        let (mut actors, mut number) = (JoinSet::new(), 0_i64);
        let (began, mut ticks, mut last) = (Instant::now(), interval(TICK), Instant::now());
        while !self.over.is_cancelled() {
            ticks.tick().await;
            let established = tally.established.load(Ordering::Relaxed);
            let undecided = tally.undecided.load(Ordering::Relaxed);
            for _ in 0..pace.due(began.elapsed(), last.elapsed(), established, undecided) {
                number += 1;
                actors.spawn(actor(self.actor(number), Decision::pending(&tally)));
            }
            last = Instant::now();
            while actors.try_join_next().is_some() {}
        }
        while actors.join_next().await.is_some() {}
    }
}

impl Decision {
    fn pending(tally: &Arc<Tally>) -> Self {
        tally.undecided.fetch_add(1, Ordering::Relaxed);
        Self { tally: Arc::clone(tally), established: false }
    }

    /// Decides it.
    pub fn decide(mut self, established: bool) {
        self.established = established;
    }
}

impl Drop for Decision {
    fn drop(&mut self) {
        self.tally.undecided.fetch_sub(1, Ordering::Relaxed);
        self.tally.established.fetch_add(u64::from(self.established), Ordering::Relaxed);
    }
}
