use thiserror::Error;

/// The greatest whole number that every reader of JSON keeps exactly: 2^53 − 1 (RFC 8259, section 6).
const MAX_EXACT: i64 = (1 << 53) - 1;

/// A number that is not from 1 to 2^53 − 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a whole number from 1 to {MAX_EXACT}")]
pub struct OutOfRange;

macro_rules! positive_number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// The maximum.
            pub const MAX: i64 = MAX_EXACT;

            /// `number`, if it is in range.
            pub fn new(number: i64) -> Result<Self, OutOfRange> {
                if (1..=Self::MAX).contains(&number) { Ok(Self(number)) } else { Err(OutOfRange) }
            }

            /// The number.
            pub const fn get(self) -> i64 {
                self.0
            }
        }
    };
}

positive_number! {
    /// The id of a match, and of what belongs to it in other contexts.
    MatchId
}

positive_number! {
    /// What a student pays.
    Price
}
