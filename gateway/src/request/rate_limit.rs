//! The rate limiter: counts the requests of each client.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::RateLimiter;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use hashlink::LruCache;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::config::Rate;
use crate::request::client_id::ClientId;

/// `RateLimit` and `RateLimit-Policy`: draft-ietf-httpapi-ratelimit-headers-10.
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

type Bucket = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

/// Counts the requests of each client.
pub struct Limiter {
    rate: Rate,
    /// The value of `RateLimit-Policy`.
    policy: HeaderValue,
    /// The most recent clients. Memory is bounded: an evicted client starts with a full bucket.
    clients: Mutex<LruCache<ClientId, Arc<Bucket>>>,
}

/// The decision about one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateDecision {
    rate: Rate,
    policy: HeaderValue,
    remaining: u32,
    retry_after: Option<Duration>,
}

impl Limiter {
    /// A limiter that keeps the state of `remembered` clients.
    pub fn new(rate: Rate, remembered: NonZeroUsize) -> Self {
        let (limit, window) = (rate.requests(), rate.period().as_secs().max(1));
        // Digits and quotation marks: always a valid header value.
        let policy = HeaderValue::try_from(format!(r#""default";q={limit};w={window}"#));
        let policy = policy.unwrap_or(HeaderValue::from_static(""));
        Self { rate, policy, clients: Mutex::new(LruCache::new(remembered.get())) }
    }

    /// Counts a request.
    pub fn check(&self, client: ClientId) -> RateDecision {
        let bucket = self.bucket(client);
        let (remaining, retry_after) = match bucket.check() {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(until) => (0, Some(until.wait_time_from(DefaultClock::default().now()))),
        };
        RateDecision { rate: self.rate, policy: self.policy.clone(), remaining, retry_after }
    }

    fn bucket(&self, client: ClientId) -> Arc<Bucket> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(RateLimiter::direct(self.rate.quota()).with_middleware());
        Arc::clone(clients.entry(client).or_insert_with(new))
    }
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limiter").field("rate", &self.rate).finish_non_exhaustive()
    }
}

impl RateDecision {
    /// The time to wait, if the request exceeds the rate.
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Sets `RateLimit` and `RateLimit-Policy`: the remaining burst, and the seconds until the bucket is full.
    pub fn write_headers(self, headers: &mut HeaderMap) {
        let limit = self.rate.requests();
        let used = self.rate.period().mul_f64(f64::from(limit - self.remaining.min(limit)) / f64::from(limit));
        let reset = used.as_secs() + u64::from(used.subsec_nanos() > 0);
        let now = HeaderValue::try_from(format!(r#""default";r={};t={reset}"#, self.remaining));
        if let Ok(now) = now {
            headers.insert(POLICY, self.policy);
            headers.insert(RATELIMIT, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(rate: &str, remembered: usize) -> Limiter {
        Limiter::new(rate.parse().unwrap(), NonZeroUsize::new(remembered).unwrap())
    }

    fn kim() -> ClientId {
        ClientId::subject("kim")
    }

    #[test]
    fn a_burst_is_allowed_and_then_one_at_a_time() {
        let limiter = limiter("3/1h", 10);
        for remaining in [2, 1, 0] {
            let decision = limiter.check(kim());
            assert_eq!((decision.remaining, decision.retry_after), (remaining, None));
        }
        let wait = limiter.check(kim()).retry_after.unwrap();
        assert!(wait > Duration::from_mins(19) && wait <= Duration::from_mins(20), "{wait:?}");
        assert_eq!(limiter.check(ClientId::subject("lee")).retry_after, None, "others have their own");
    }

    #[test]
    fn the_bucket_is_refilled() {
        let limiter = limiter("2/20ms", 10);
        let rejected = || limiter.check(kim()).retry_after;
        assert_eq!((rejected(), rejected()), (None, None));
        std::thread::sleep(rejected().unwrap());
        assert_eq!(rejected(), None);
    }

    #[test]
    fn only_so_many_clients_are_remembered() {
        let limiter = limiter("1/1h", 2);
        let rejected = |name: &str| limiter.check(ClientId::subject(name)).retry_after.is_some();
        assert_eq!([rejected("a"), rejected("a"), rejected("b"), rejected("c")], [false, true, false, false]);
        assert!(!rejected("a"), "forgotten");
    }

    #[test]
    fn the_headers_have_the_remaining_requests() {
        let mut headers = HeaderMap::new();
        let Limiter { rate, policy, .. } = limiter("100/1m", 1);
        RateDecision { rate, policy, remaining: 40, retry_after: None }.write_headers(&mut headers);
        assert_eq!(headers["ratelimit-policy"], r#""default";q=100;w=60"#);
        assert_eq!(headers["ratelimit"], r#""default";r=40;t=36"#);
    }
}
