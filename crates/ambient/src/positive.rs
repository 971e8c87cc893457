use thiserror::Error;

/// A whole number from 1 to 2^53 − 1, such as an id or an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Positive(i64);

/// A number that is not from 1 to 2^53 − 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a whole number from 1 to {}", Positive::MAX)]
pub struct OutOfRange;

impl Positive {
    /// The greatest number that every reader of JSON keeps exactly (RFC 8259, section 6).
    pub const MAX: i64 = (1 << 53) - 1;

    /// `number`, if it is in range.
    pub fn new(number: i64) -> Result<Self, OutOfRange> {
        if (1..=Self::MAX).contains(&number) { Ok(Self(number)) } else { Err(OutOfRange) }
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_positive_number_is_from_one_to_the_greatest_that_json_keeps() {
        for wrong in [i64::MIN, -1, 0, 1 << 53, i64::MAX] {
            assert_eq!(Positive::new(wrong), Err(OutOfRange), "{wrong}");
        }
        assert_eq!([1, Positive::MAX].map(|right| Positive::new(right).map(Positive::get)), [Ok(1), Ok(Positive::MAX)]);
        assert_eq!(OutOfRange.to_string(), "must be a whole number from 1 to 9007199254740991");
    }
}
