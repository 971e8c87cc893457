//! How often somebody may ask.

use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use hashlink::LruCache;
use http::{HeaderMap, HeaderName, HeaderValue};

/// `RateLimit` and `RateLimit-Policy`: draft-ietf-httpapi-ratelimit-headers-10.
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// So many requests in so much time, evenly refilled; all of them may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    requests: NonZeroU32,
    per: Duration,
    quota: Quota,
}

impl FromStr for Rate {
    type Err = &'static str;

    /// Reads a rate such as `100/1s` or `600/1m`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "must be a number, a slash and a time, such as \"100/1s\" or \"600/1m\"";
        let (requests, per) = text.split_once('/').ok_or(FORM)?;
        let per = humantime::parse_duration(per).map_err(|_| FORM)?;
        let requests: NonZeroU32 = requests.parse().map_err(|_| FORM)?;
        let quota = Quota::with_period(per / requests.get()).filter(|_| per <= Duration::from_hours(24));
        let quota = quota.ok_or("must be over a time from a nanosecond per request to a day")?.allow_burst(requests);
        Ok(Self { requests, per, quota })
    }
}

/// Who is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Client {
    /// Somebody who is known, wherever he is.
    Subject(String),
    /// Whoever is at that address; of IPv6 whoever is in that network of 64 bits, which is what one house gets.
    Address(IpAddr),
}

impl Client {
    /// Whoever is at this address.
    pub fn at(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
        })
    }
}

type Bucket = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

/// Counts the requests of clients.
pub struct Limiter {
    rate: Rate,
    /// What clients are told of the rate.
    policy: HeaderValue,
    /// Those who have asked last. Whoever falls out begins anew: memory is bounded, whoever asks.
    clients: Mutex<LruCache<Client, Arc<Bucket>>>,
}

/// How a client stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    rate: Rate,
    policy: HeaderValue,
    remaining: u32,
    /// When there is room for one more, if there is none.
    wait: Option<Duration>,
}

impl Limiter {
    /// A limiter that remembers so many clients.
    pub fn new(rate: Rate, remembered: NonZeroUsize) -> Self {
        let (limit, window) = (rate.requests, rate.per.as_secs().max(1));
        // Digits and quotation marks: always a header.
        let policy = HeaderValue::try_from(format!(r#""default";q={limit};w={window}"#));
        let policy = policy.unwrap_or(HeaderValue::from_static(""));
        Self { rate, policy, clients: Mutex::new(LruCache::new(remembered.get())) }
    }

    /// Counts a request.
    pub fn count(&self, client: Client) -> Standing {
        let bucket = self.bucket(client);
        let (remaining, wait) = match bucket.check() {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(until) => (0, Some(until.wait_time_from(DefaultClock::default().now()))),
        };
        Standing { rate: self.rate, policy: self.policy.clone(), remaining, wait }
    }

    fn bucket(&self, client: Client) -> Arc<Bucket> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(RateLimiter::direct(self.rate.quota).with_middleware());
        Arc::clone(clients.entry(client).or_insert_with(new))
    }
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limiter").field("rate", &self.rate).finish_non_exhaustive()
    }
}

impl Standing {
    /// When to come back, if this request is one too many.
    pub const fn wait(&self) -> Option<Duration> {
        self.wait
    }

    /// Tells the client how it stands: how many more at once, and after how many seconds all of them.
    pub fn tell(self, headers: &mut HeaderMap) {
        let limit = self.rate.requests.get();
        let used = self.rate.per.mul_f64(f64::from(limit - self.remaining.min(limit)) / f64::from(limit));
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

    fn kim() -> Client {
        Client::Subject("kim".to_owned())
    }

    #[test]
    fn so_many_may_come_at_once_and_then_one_at_a_time() {
        let limiter = limiter("3/1h", 10);
        for remaining in [2, 1, 0] {
            let standing = limiter.count(kim());
            assert_eq!((standing.remaining, standing.wait), (remaining, None));
        }
        let wait = limiter.count(kim()).wait.unwrap();
        assert!(wait > Duration::from_mins(19) && wait <= Duration::from_mins(20), "{wait:?}");
        assert_eq!(limiter.count(Client::Subject("lee".to_owned())).wait, None, "others have their own");
    }

    #[test]
    fn what_was_used_comes_back() {
        let limiter = limiter("2/20ms", 10);
        let refused = || limiter.count(kim()).wait;
        assert_eq!((refused(), refused()), (None, None));
        std::thread::sleep(refused().unwrap());
        assert_eq!(refused(), None);
    }

    #[test]
    fn a_house_is_one_client_and_an_address_in_two_forms_too() {
        let at = |text: &str| Client::at(text.parse().unwrap());
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
    }

    #[test]
    fn only_so_many_clients_are_remembered() {
        let limiter = limiter("1/1h", 2);
        let count = |name: &str| limiter.count(Client::Subject(name.to_owned())).wait.is_some();
        assert_eq!([count("a"), count("a"), count("b"), count("c")], [false, true, false, false]);
        assert!(!count("a"), "forgotten");
    }

    #[test]
    fn a_client_is_told_how_it_stands() {
        let mut headers = HeaderMap::new();
        let Limiter { rate, policy, .. } = limiter("100/1m", 1);
        Standing { rate, policy, remaining: 40, wait: None }.tell(&mut headers);
        assert_eq!(headers["ratelimit-policy"], r#""default";q=100;w=60"#);
        assert_eq!(headers["ratelimit"], r#""default";r=40;t=36"#);
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in ["", "100", "100/", "/1s", "0/1s", "-1/1s", "1.5/1s", "100/0s", "4294967296/1s", "9/1ns", "1/2days"]
        {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
