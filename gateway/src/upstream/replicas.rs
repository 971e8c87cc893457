//! The replicas of a service: load balancing, outlier ejection, retry budget.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use metrics::Gauge;
use tokio::time::Instant;
use tower::retry::budget::{Budget, TpsBudget};

use crate::config::{Limits, Upstream};

const EJECTED: &str = "gateway_replicas_left_out";

/// The longest ejection, in multiples of the first.
const MAX_EJECTION_FACTOR: u32 = 8;

/// How long a request counts for the retry budget.
const RETRY_BUDGET_TTL: Duration = Duration::from_secs(10);

/// Describes the metric.
pub fn describe() {
    metrics::describe_gauge!(EJECTED, "Addresses of a service that are left out because they failed, by service");
}

/// The replicas of one service.
#[derive(Debug)]
pub struct Replicas {
    name: String,
    all: Vec<Replica>,
    next: AtomicUsize,
    consecutive_failures: u32,
    base_ejection_time: Duration,
    budget: TpsBudget,
    ejected: Gauge,
}

#[derive(Debug)]
struct Replica {
    authority: Authority,
    host: HeaderValue,
    in_flight: AtomicUsize,
    /// Consecutive failures.
    failures: AtomicU32,
    ejection: Mutex<Ejection>,
}

#[derive(Debug, Default)]
struct Ejection {
    until: Option<Instant>,
    /// Consecutive ejections.
    count: u32,
}

/// The replica of a request, which counts as in flight until this is dropped.
#[derive(Debug)]
pub struct SelectedReplica {
    replicas: Arc<Replicas>,
    index: usize,
}

impl Replicas {
    /// The replicas of `upstream`, all without failures.
    pub fn new(upstream: &Upstream, limits: &Limits) -> Self {
        let replica = |authority: &Authority| Replica {
            authority: authority.clone(),
            // Authorities consist of visible ASCII.
            host: HeaderValue::from_str(authority.as_str()).unwrap_or(HeaderValue::from_static("")),
            in_flight: AtomicUsize::new(0),
            failures: AtomicU32::new(0),
            ejection: Mutex::default(),
        };
        Self {
            name: upstream.name.clone(),
            all: upstream.addresses.iter().map(replica).collect(),
            next: AtomicUsize::new(0),
            consecutive_failures: limits.consecutive_failures,
            base_ejection_time: limits.base_ejection_time,
            budget: TpsBudget::new(RETRY_BUDGET_TTL, limits.retries_per_second, limits.retry_budget),
            ejected: metrics::gauge!(EJECTED, "upstream" => upstream.name.clone()),
        }
    }

    /// Whether there is more than one replica.
    pub fn has_several(&self) -> bool {
        self.all.len() > 1
    }

    /// Maximum number of attempts: one per replica, and two if there is only one.
    pub fn max_attempts(&self) -> usize {
        self.all.len().max(2)
    }

    /// Withdraws a retry from the budget, which keeps a failing service from getting twice the load.
    pub fn withdraw_retry(&self) -> bool {
        self.budget.withdraw()
    }

    /// Selects a replica for a new request.
    pub fn select(self: &Arc<Self>) -> SelectedReplica {
        self.budget.deposit();
        self.select_other(&[])
    }

    /// Selects the replica with the fewest requests in flight. Untried ones and ones that are not ejected are
    /// preferred.
    pub fn select_other(self: &Arc<Self>, tried: &[usize]) -> SelectedReplica {
        let (count, now) = (self.all.len(), Instant::now());
        let next = if count == 1 { 0 } else { self.next.fetch_add(1, Ordering::Relaxed) };
        let index = (0..count).map(|step| (next + step) % count).min_by_key(|index| {
            let replica = &self.all[*index];
            (tried.contains(index), replica.is_ejected(now), replica.in_flight.load(Ordering::Relaxed))
        });
        // A service has at least one address.
        let index = index.unwrap_or_default();
        self.all[index].in_flight.fetch_add(1, Ordering::Relaxed);
        SelectedReplica { replicas: Arc::clone(self), index }
    }
}

impl Replica {
    fn is_ejected(&self, now: Instant) -> bool {
        // The common case takes no lock.
        self.failures.load(Ordering::Relaxed) > 0
            && self.ejection.lock().unwrap_or_else(PoisonError::into_inner).until.is_some_and(|until| now < until)
    }
}

impl SelectedReplica {
    /// The index of the replica.
    pub const fn index(&self) -> usize {
        self.index
    }

    fn replica(&self) -> &Replica {
        &self.replicas.all[self.index]
    }

    /// The value of `Host`.
    pub fn host(&self) -> HeaderValue {
        self.replica().host.clone()
    }

    /// The URI of `path` on the replica.
    pub fn address(&self, path: Option<PathAndQuery>) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.replica().authority.clone());
        parts.path_and_query = path.or_else(|| Some(PathAndQuery::from_static("/")));
        // Scheme, authority and path are set: the URI is valid.
        Uri::from_parts(parts).unwrap_or_default()
    }

    /// The replica has responded, with any status.
    pub fn record_success(&self) {
        let replica = self.replica();
        // The common case writes nothing.
        if replica.failures.load(Ordering::Relaxed) > 0 {
            replica.failures.store(0, Ordering::Relaxed);
            let mut ejection = replica.ejection.lock().unwrap_or_else(PoisonError::into_inner);
            if ejection.until.is_some() {
                self.replicas.ejected.decrement(1);
            }
            *ejection = Ejection::default();
        }
    }

    /// The connection was refused or broke, or the response was late. After a number of consecutive failures the
    /// replica is ejected, each time for longer.
    pub fn record_failure(&self) {
        let (replica, Replicas { name, consecutive_failures, base_ejection_time, ejected, .. }) =
            (self.replica(), &*self.replicas);
        let failures = replica.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if failures < *consecutive_failures || !self.replicas.has_several() {
            return;
        }
        let now = Instant::now();
        let mut ejection = replica.ejection.lock().unwrap_or_else(PoisonError::into_inner);
        if ejection.until.is_some_and(|until| now < until) {
            return;
        }
        if ejection.until.is_none() {
            ejected.increment(1);
        }
        ejection.count = (ejection.count + 1).min(MAX_EJECTION_FACTOR);
        let duration = *base_ejection_time * ejection.count;
        ejection.until = Some(now + duration);
        tracing::warn!(service = %name, address = %replica.authority, failures, pause = ?duration, "a replica is left out");
    }
}

impl Drop for SelectedReplica {
    fn drop(&mut self) {
        self.replica().in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replicas(addresses: &[&str]) -> Arc<Replicas> {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let limits =
            Limits { consecutive_failures: 3, base_ejection_time: Duration::from_secs(10), ..Limits::default() };
        Arc::new(Replicas::new(&Upstream { name: "things".to_owned(), addresses }, &limits))
    }

    fn fail(replicas: &Arc<Replicas>, index: usize) {
        loop {
            let selected = replicas.select();
            if selected.index() == index {
                return selected.record_failure();
            }
            selected.record_success();
        }
    }

    fn indices(replicas: &Arc<Replicas>, count: usize) -> Vec<usize> {
        let mut indices: Vec<_> = (0..count).map(|_| replicas.select().index()).collect();
        indices.sort_unstable();
        indices
    }

    #[tokio::test(start_paused = true)]
    async fn requests_go_to_the_replica_with_the_fewest_in_flight() {
        let replicas = replicas(&["a:1", "b:1", "c:1"]);
        assert_eq!(indices(&replicas, 6), [0, 0, 1, 1, 2, 2], "one after the other");
        let held: Vec<_> = (0..3).map(|_| replicas.select()).collect();
        let busy = held.iter().map(SelectedReplica::index).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(busy.len(), 3, "at the same time, each somewhere else");
        drop(held.into_iter().find(|selected| selected.index() == 1));
        let one = replicas.select();
        assert_eq!(one.address(None).to_string(), format!("http://{}:1/", ["a", "b", "c"][one.index()]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_replica_that_fails_repeatedly_is_ejected_and_longer_the_next_time() {
        let replicas = replicas(&["a:1", "b:1"]);
        fail(&replicas, 0);
        fail(&replicas, 0);
        assert_eq!(indices(&replicas, 4), [0, 0, 1, 1], "twice is not yet so often");
        fail(&replicas, 0);
        assert_eq!(indices(&replicas, 4), [1, 1, 1, 1]);
        tokio::time::advance(Duration::from_secs(11)).await;
        assert_eq!(indices(&replicas, 2), [0, 1], "tried again");
        fail(&replicas, 0);
        tokio::time::advance(Duration::from_secs(11)).await;
        assert_eq!(indices(&replicas, 2), [1, 1], "one more failure, and it is left out for twice as long");
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(indices(&replicas, 2), [0, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_resets_the_failures() {
        let replicas = replicas(&["a:1", "b:1"]);
        for _ in 0..10 {
            fail(&replicas, 0);
            fail(&replicas, 0);
            while replicas.select().index() != 0 {}
            let first = std::iter::repeat_with(|| replicas.select()).find(|selected| selected.index() == 0).unwrap();
            first.record_success();
        }
        assert_eq!(indices(&replicas, 2), [0, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn if_all_are_ejected_all_are_used_and_a_single_one_is_never_ejected() {
        let both = replicas(&["a:1", "b:1"]);
        for index in [0, 1] {
            for _ in 0..3 {
                both.select_other(&[1 - index]).record_failure();
            }
        }
        assert_eq!(indices(&both, 2), [0, 1]);
        let alone = replicas(&["a:1"]);
        for _ in 0..10 {
            alone.select().record_failure();
        }
        assert_eq!(indices(&alone, 2), [0, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_retry_budget_limits_retries() {
        let replicas = replicas(&["a:1"]);
        let allowed = (0..1000).filter(|_| replicas.withdraw_retry()).count();
        assert_eq!(allowed, 100, "10 per second at rest, for 10 s");
        (0..1000).for_each(|_| drop(replicas.select()));
        let allowed = (0..1000).filter(|_| replicas.withdraw_retry()).count();
        assert!((150..=200).contains(&allowed), "a fifth of the requests: {allowed}");
    }
}
