use thiserror::Error;

/// The greatest whole number that every reader of JSON keeps exactly: 2^53 − 1 (RFC 8259, section 6).
const LARGEST_EXACT: i64 = (1 << 53) - 1;

/// The longest name that an identity provider may give, in characters.
const LONGEST_NAME: usize = 255;

/// A number that is not from 1 to 2^53 − 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a whole number from 1 to {LARGEST_EXACT}")]
pub struct OutOfRange;

macro_rules! positive_number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// The greatest one.
            pub const MAX: i64 = LARGEST_EXACT;

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
    /// The number of a match, and of all that belongs to it in other contexts.
    MatchId
}

positive_number! {
    /// What a student pays.
    Price
}

/// Text that names no student.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be 1 to {LONGEST_NAME} characters, none of them a control character")]
pub struct NoStudent;

/// Who asks for a match: the name that an identity provider has given to one person, and never to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Student(String);

impl Student {
    /// The student of this name, if it can be one.
    pub fn new(name: impl Into<String>) -> Result<Self, NoStudent> {
        let name = name.into();
        let fits = (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.contains(char::is_control);
        if fits { Ok(Self(name)) } else { Err(NoStudent) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
