//! The addresses of one service: who is asked next, and who is left out for a while.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use metrics::Gauge;
use tokio::time::Instant;
use tower::retry::budget::{Budget, TpsBudget};

use crate::config::{Limits, Upstream};

const LEFT_OUT: &str = "gateway_replicas_left_out";

/// How many times longer than the first time a replica is left out at most.
const LONGEST: u32 = 8;

/// For how long a request adds to what may be sent again.
const BUDGET_SPAN: Duration = Duration::from_secs(10);

/// Says what the metric means.
pub fn describe() {
    metrics::describe_gauge!(LEFT_OUT, "Addresses of a service that are left out because they failed, by service");
}

/// The addresses of one service.
#[derive(Debug)]
pub struct Replicas {
    name: String,
    all: Vec<Replica>,
    turn: AtomicUsize,
    fail_after: u32,
    leave_out_for: Duration,
    budget: TpsBudget,
    left_out: Gauge,
}

#[derive(Debug)]
struct Replica {
    authority: Authority,
    host: HeaderValue,
    in_flight: AtomicUsize,
    /// In a row.
    failures: AtomicU32,
    absence: Mutex<Absence>,
}

#[derive(Debug, Default)]
struct Absence {
    until: Option<Instant>,
    /// In a row.
    times: u32,
}

/// The replica that a request goes to. It counts as in flight there until this is dropped.
#[derive(Debug)]
pub struct Chosen {
    replicas: Arc<Replicas>,
    place: usize,
}

impl Replicas {
    /// The addresses of `upstream`, none of which has failed yet.
    pub fn new(upstream: &Upstream, limits: &Limits) -> Self {
        let replica = |authority: &Authority| Replica {
            authority: authority.clone(),
            // Hosts are made of visible ASCII.
            host: HeaderValue::from_str(authority.as_str()).unwrap_or(HeaderValue::from_static("")),
            in_flight: AtomicUsize::new(0),
            failures: AtomicU32::new(0),
            absence: Mutex::default(),
        };
        Self {
            name: upstream.name.clone(),
            all: upstream.addresses.iter().map(replica).collect(),
            turn: AtomicUsize::new(0),
            fail_after: limits.replica_failures,
            leave_out_for: limits.replica_pause,
            budget: TpsBudget::new(BUDGET_SPAN, limits.retries_per_second, limits.retry_share),
            left_out: metrics::gauge!(LEFT_OUT, "upstream" => upstream.name.clone()),
        }
    }

    /// Whether there is more than one.
    pub fn are_several(&self) -> bool {
        self.all.len() > 1
    }

    /// How often a request is sent at most: to each of them once; twice, if there is only one.
    pub fn most_attempts(&self) -> usize {
        self.all.len().max(2)
    }

    /// Whether a request may be sent again: only so many may, or a service that fails would be asked twice as often.
    pub fn may_retry(&self) -> bool {
        self.budget.withdraw()
    }

    /// Chooses for a new request.
    pub fn choose(self: &Arc<Self>) -> Chosen {
        self.budget.deposit();
        self.other_than(&[])
    }

    /// Chooses the one with the least in flight, not one of `tried` if there is another, and not one that is left out. If
    /// all are left out, any is better than none.
    pub fn other_than(self: &Arc<Self>, tried: &[usize]) -> Chosen {
        let (count, now) = (self.all.len(), Instant::now());
        let turn = if count == 1 { 0 } else { self.turn.fetch_add(1, Ordering::Relaxed) };
        let place = (0..count).map(|step| (turn + step) % count).min_by_key(|place| {
            let replica = &self.all[*place];
            (tried.contains(place), replica.is_left_out(now), replica.in_flight.load(Ordering::Relaxed))
        });
        // The file names one address at least.
        let place = place.unwrap_or_default();
        self.all[place].in_flight.fetch_add(1, Ordering::Relaxed);
        Chosen { replicas: Arc::clone(self), place }
    }
}

impl Replica {
    fn is_left_out(&self, now: Instant) -> bool {
        // Nobody who never failed is looked at any closer.
        self.failures.load(Ordering::Relaxed) > 0
            && self.absence.lock().unwrap_or_else(PoisonError::into_inner).until.is_some_and(|until| now < until)
    }
}

impl Chosen {
    /// Which one it is.
    pub const fn place(&self) -> usize {
        self.place
    }

    fn replica(&self) -> &Replica {
        &self.replicas.all[self.place]
    }

    /// The value of `Host` for it.
    pub fn host(&self) -> HeaderValue {
        self.replica().host.clone()
    }

    /// The address of `path` there.
    pub fn address(&self, path: Option<PathAndQuery>) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.replica().authority.clone());
        parts.path_and_query = path.or_else(|| Some(PathAndQuery::from_static("/")));
        // Scheme, authority and path are all there: nothing can be wrong with the whole.
        Uri::from_parts(parts).unwrap_or_default()
    }

    /// It has answered, whatever it said.
    pub fn answered(&self) {
        let replica = self.replica();
        // As a rule there is nothing to forget, and nothing is written.
        if replica.failures.load(Ordering::Relaxed) > 0 {
            replica.failures.store(0, Ordering::Relaxed);
            let mut absence = replica.absence.lock().unwrap_or_else(PoisonError::into_inner);
            if absence.until.is_some() {
                self.replicas.left_out.decrement(1);
            }
            *absence = Absence::default();
        }
    }

    /// It took no connection, broke one, or did not answer in time. Who did that so often in a row is left out for a while,
    /// each time for longer, and then tried again.
    pub fn failed(&self) {
        let (replica, Replicas { name, fail_after, leave_out_for, left_out, .. }) = (self.replica(), &*self.replicas);
        let failures = replica.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if failures < *fail_after || !self.replicas.are_several() {
            return;
        }
        let now = Instant::now();
        let mut absence = replica.absence.lock().unwrap_or_else(PoisonError::into_inner);
        if absence.until.is_some_and(|until| now < until) {
            return;
        }
        if absence.until.is_none() {
            left_out.increment(1);
        }
        absence.times = (absence.times + 1).min(LONGEST);
        let pause = *leave_out_for * absence.times;
        absence.until = Some(now + pause);
        tracing::warn!(service = %name, address = %replica.authority, failures, ?pause, "a replica is left out");
    }
}

impl Drop for Chosen {
    fn drop(&mut self) {
        self.replica().in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replicas(addresses: &[&str]) -> Arc<Replicas> {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let limits = Limits { replica_failures: 3, replica_pause: Duration::from_secs(10), ..Limits::default() };
        Arc::new(Replicas::new(&Upstream { name: "things".to_owned(), addresses }, &limits))
    }

    fn fail(replicas: &Arc<Replicas>, place: usize) {
        loop {
            let chosen = replicas.choose();
            if chosen.place() == place {
                return chosen.failed();
            }
            chosen.answered();
        }
    }

    fn places(replicas: &Arc<Replicas>, count: usize) -> Vec<usize> {
        let mut places: Vec<_> = (0..count).map(|_| replicas.choose().place()).collect();
        places.sort_unstable();
        places
    }

    #[tokio::test(start_paused = true)]
    async fn requests_go_where_the_fewest_are() {
        let replicas = replicas(&["a:1", "b:1", "c:1"]);
        assert_eq!(places(&replicas, 6), [0, 0, 1, 1, 2, 2], "one after the other");
        let held: Vec<_> = (0..3).map(|_| replicas.choose()).collect();
        let busy = held.iter().map(Chosen::place).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(busy.len(), 3, "at the same time, each somewhere else");
        drop(held.into_iter().find(|chosen| chosen.place() == 1));
        let one = replicas.choose();
        assert_eq!(one.address(None).to_string(), format!("http://{}:1/", ["a", "b", "c"][one.place()]));
    }

    #[tokio::test(start_paused = true)]
    async fn who_fails_so_often_in_a_row_is_left_out_for_a_while_and_longer_the_next_time() {
        let replicas = replicas(&["a:1", "b:1"]);
        fail(&replicas, 0);
        fail(&replicas, 0);
        assert_eq!(places(&replicas, 4), [0, 0, 1, 1], "twice is not yet so often");
        fail(&replicas, 0);
        assert_eq!(places(&replicas, 4), [1, 1, 1, 1]);
        tokio::time::advance(Duration::from_secs(11)).await;
        assert_eq!(places(&replicas, 2), [0, 1], "tried again");
        fail(&replicas, 0);
        tokio::time::advance(Duration::from_secs(11)).await;
        assert_eq!(places(&replicas, 2), [1, 1], "one more failure, and it is left out for twice as long");
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(places(&replicas, 2), [0, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_makes_up_for_all_failures() {
        let replicas = replicas(&["a:1", "b:1"]);
        for _ in 0..10 {
            fail(&replicas, 0);
            fail(&replicas, 0);
            while replicas.choose().place() != 0 {}
            let first = std::iter::repeat_with(|| replicas.choose()).find(|chosen| chosen.place() == 0).unwrap();
            first.answered();
        }
        assert_eq!(places(&replicas, 2), [0, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn if_all_fail_all_are_asked_and_one_alone_is_never_left_out() {
        let both = replicas(&["a:1", "b:1"]);
        for place in [0, 1] {
            for _ in 0..3 {
                both.other_than(&[1 - place]).failed();
            }
        }
        assert_eq!(places(&both, 2), [0, 1]);
        let alone = replicas(&["a:1"]);
        for _ in 0..10 {
            alone.choose().failed();
        }
        assert_eq!(places(&alone, 2), [0, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_requests_are_sent_again() {
        let replicas = replicas(&["a:1"]);
        let allowed = (0..1000).filter(|_| replicas.may_retry()).count();
        assert_eq!(allowed, 100, "10 per second at rest, for 10 s");
        (0..1000).for_each(|_| drop(replicas.choose()));
        let allowed = (0..1000).filter(|_| replicas.may_retry()).count();
        assert!((150..=200).contains(&allowed), "a fifth of the requests: {allowed}");
    }
}
