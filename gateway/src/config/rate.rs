//! Request rates as they are written in the routes file.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use governor::Quota;

/// A number of requests per time, refilled evenly; the whole number may arrive in one burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    requests: NonZeroU32,
    per: Duration,
    quota: Quota,
}

/// The rate limit of a route, per client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteRate {
    /// `limits.rate`, counted together over all routes with this value.
    Shared,
    /// A rate that is counted for this route alone.
    Own(Rate),
    /// No limit.
    Unlimited,
}

impl FromStr for Rate {
    type Err = &'static str;

    /// Parses a rate such as `100/1s` or `600/1m`.
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

impl Rate {
    /// The number of requests per [`period`](Self::period).
    pub const fn requests(&self) -> u32 {
        self.requests.get()
    }

    /// The time in which the number of requests is allowed.
    pub const fn period(&self) -> Duration {
        self.per
    }

    /// The time after which one more request is allowed.
    pub fn interval(&self) -> Duration {
        self.per / self.requests.get()
    }

    /// The same for `governor`.
    pub const fn quota(&self) -> Quota {
        self.quota
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_rate_is_rejected() {
        for text in ["", "100", "100/", "/1s", "0/1s", "-1/1s", "1.5/1s", "100/0s", "4294967296/1s", "9/1ns", "1/2days"]
        {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
