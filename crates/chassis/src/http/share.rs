//! The share of a pool that one client may hold.

use std::fmt;
use std::str::FromStr;

/// A share of a pool, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    percent: u8,
}

impl Share {
    /// The whole pool: no limit per client.
    pub const ALL: Self = Self { percent: 100 };

    /// A quarter of the pool.
    pub const QUARTER: Self = Self { percent: 25 };

    /// The maximum that one client may hold of a pool of this size: at least 1. [`Share::ALL`] is no limit.
    pub fn of(self, pool: u64) -> u64 {
        if self == Self::ALL {
            return u64::MAX;
        }
        pool.saturating_mul(u64::from(self.percent)).div_ceil(100).max(1)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.percent)
    }
}

impl FromStr for Share {
    type Err = &'static str;

    /// Parses a share such as `25%`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let percent = text.strip_suffix('%').and_then(|number| number.parse().ok());
        let percent = percent.filter(|percent| (1..=100).contains(percent));
        percent.map(|percent| Self { percent }).ok_or("must be from \"1%\" to \"100%\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_up_and_the_whole_is_no_limit() {
        let of = |share: &str, pool| share.parse::<Share>().unwrap().of(pool);
        assert_eq!([of("25%", 512), of("25%", 1), of("1%", 10), of("99%", 100)], [128, 1, 1, 99]);
        assert_eq!(of("100%", 4), u64::MAX);
        assert_eq!(of("50%", 0), 1);
    }

    #[test]
    fn an_invalid_share_is_rejected_and_a_valid_one_is_displayed_as_written() {
        for text in ["", "25", "0%", "101%", "-1%", "2.5%", "25 %", "%"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
        assert_eq!("7%".parse::<Share>().unwrap().to_string(), "7%");
    }
}
