//! Limits the calls that a client cancels before their response begins.
//!
//! Cancelled calls cost the services work. A client that exceeds the rate gets no new calls until some time has passed.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hashlink::LruCache;
use tokio::time::Instant;

use crate::config::Rate;
use crate::request::client_id::ClientId;

/// Counts cancelled calls per client: a leaky bucket.
#[derive(Debug)]
pub struct Cancellations {
    /// The time that one cancelled call adds to a client's debt.
    cost: Duration,
    /// The maximum debt.
    credit: Duration,
    began: Instant,
    /// When each client's debt is paid off, measured from `began`. Memory is bounded: an evicted client has no debt.
    paid_off: Mutex<LruCache<ClientId, Duration>>,
    /// The latest of these in microseconds: while no client can have reached the limit, no client is looked up.
    latest: AtomicU64,
}

impl Cancellations {
    /// Allows the `rate` of cancelled calls per client, and keeps the state of `remembered` clients.
    pub fn new(rate: Rate, remembered: NonZeroUsize) -> Self {
        let paid_off = Mutex::new(LruCache::new(remembered.get()));
        let (cost, credit) = (rate.interval(), rate.period());
        Self { cost, credit, began: Instant::now(), paid_off, latest: AtomicU64::new(0) }
    }

    /// The time that `client` has to wait, if it has reached the limit.
    pub fn retry_after(&self, client: &ClientId) -> Option<Duration> {
        let allowed = self.began.elapsed() + self.credit;
        if Duration::from_micros(self.latest.load(Ordering::Relaxed)) + self.cost <= allowed {
            return None;
        }
        let mut clients = self.paid_off.lock().unwrap_or_else(PoisonError::into_inner);
        let after_one_more = *clients.get(client)? + self.cost;
        after_one_more.checked_sub(allowed).filter(|retry_after| !retry_after.is_zero())
    }

    /// Begins a call of `client`.
    pub fn begin(&self, client: ClientId) -> PendingCall<'_> {
        PendingCall { cancellations: self, client: Some(client) }
    }

    fn record(&self, client: ClientId) {
        let now = self.began.elapsed();
        let mut clients = self.paid_off.lock().unwrap_or_else(PoisonError::into_inner);
        let paid_off = clients.get(&client).map_or(now, |paid_off| now.max(*paid_off)) + self.cost;
        clients.insert(client, paid_off);
        // Rounded up.
        let micros = u64::try_from(paid_off.as_micros()).unwrap_or(u64::MAX).saturating_add(1);
        self.latest.fetch_max(micros, Ordering::Relaxed);
    }
}

/// A call whose response has not begun. Dropped before [`complete`](Self::complete), it counts as cancelled.
#[derive(Debug)]
pub struct PendingCall<'a> {
    cancellations: &'a Cancellations,
    client: Option<ClientId>,
}

impl PendingCall<'_> {
    /// The response begins, or an error is known.
    pub fn complete(mut self) {
        self.client = None;
    }
}

impl Drop for PendingCall<'_> {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            self.cancellations.record(client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cancellations(rate: &str, remembered: usize) -> Cancellations {
        Cancellations::new(rate.parse().unwrap(), NonZeroUsize::new(remembered).unwrap())
    }

    fn kim() -> ClientId {
        ClientId::subject("kim")
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_has_cancelled_too_many_calls_waits_and_others_do_not() {
        let cancellations = cancellations("4/2s", 10);
        for _ in 0..4 {
            assert_eq!(cancellations.retry_after(&kim()), None);
            drop(cancellations.begin(kim()));
        }
        assert_eq!(cancellations.retry_after(&kim()), Some(Duration::from_millis(500)));
        assert_eq!(cancellations.retry_after(&ClientId::subject("lee")), None);
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(cancellations.retry_after(&kim()), None, "one more");
        drop(cancellations.begin(kim()));
        assert_eq!(cancellations.retry_after(&kim()), Some(Duration::from_millis(500)));
        tokio::time::advance(Duration::from_secs(10)).await;
        for _ in 0..4 {
            assert_eq!(cancellations.retry_after(&kim()), None, "as if nothing had been");
            drop(cancellations.begin(kim()));
        }
        assert!(cancellations.retry_after(&kim()).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_completed_call_costs_nothing() {
        let cancellations = cancellations("1/1h", 10);
        for _ in 0..10 {
            cancellations.begin(kim()).complete();
        }
        assert_eq!(cancellations.retry_after(&kim()), None);
        assert!(cancellations.paid_off.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_clients_are_remembered() {
        let cancellations = cancellations("1/1h", 2);
        for name in ["a", "b", "c"] {
            drop(cancellations.begin(ClientId::subject(name)));
        }
        let waits = ["a", "b", "c"].map(|name| cancellations.retry_after(&ClientId::subject(name)).is_some());
        assert_eq!(waits, [false, true, true], "the first is forgotten");
    }
}
