use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;

use crate::clients::Clients;
use crate::pace::Pace;

/// How often it is checked how many actors are due.
const TICK: Duration = Duration::from_millis(50);

/// The load of a run.
#[derive(Clone)]
pub struct Load {
    /// The clients that send the requests.
    pub clients: Arc<Clients>,
    /// Cases to be established per second.
    pub rate: u32,
    /// The seed of all random decisions.
    pub seed: u64,
    /// Cancelled when the load is over.
    pub over: CancellationToken,
}

/// An actor that arrives, in order to establish a case.
pub struct Arrival {
    /// The load that it belongs to.
    pub load: Load,
    /// Its number, from 1.
    pub number: i64,
    /// Its random decisions.
    pub random: Rng,
    tally: Arc<Tally>,
    decided: bool,
}

/// How many actors work on their case, and how many cases are established.
#[derive(Debug, Default)]
struct Tally {
    undecided: AtomicU64,
    established: AtomicU64,
}

impl Load {
    /// Lets actors arrive at the rate until the load is over, and waits for the end of the last one.
    pub async fn arrivals<F>(self, actor: impl Fn(Arrival) -> F)
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
                actors.spawn(actor(Arrival::new(self.clone(), number, &tally)));
            }
            last = Instant::now();
            while actors.try_join_next().is_some() {}
        }
        while actors.join_next().await.is_some() {}
    }
}

impl Arrival {
    fn new(load: Load, number: i64, tally: &Arc<Tally>) -> Self {
        tally.undecided.fetch_add(1, Ordering::Relaxed);
        let random = Rng::with_seed(load.seed ^ number.unsigned_abs());
        Self { load, number, random, tally: Arc::clone(tally), decided: false }
    }

    /// Reports whether the case is established: then the actor no longer counts as one that waits.
    pub fn decide(&mut self, established: bool) {
        if !self.decided {
            self.decided = true;
            self.tally.undecided.fetch_sub(1, Ordering::Relaxed);
            self.tally.established.fetch_add(u64::from(established), Ordering::Relaxed);
        }
    }

    /// A random decision.
    pub fn chance(&mut self, share: f64) -> bool {
        self.random.f64() < share
    }
}

/// An actor that ends without a decision has established nothing.
impl Drop for Arrival {
    fn drop(&mut self) {
        self.decide(false);
    }
}
