use std::fmt;

use ambient::Timestamp;
use thiserror::Error;

/// A cleaner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaner {
    /// The id.
    pub id: i64,
    /// The name.
    pub name: Name,
    /// The place where they work. `None`: any place.
    pub location: Option<String>,
    /// Since when they are idle, or were.
    pub idle_since: Timestamp,
    /// The call that they are assigned to. `None`: they are free.
    pub call_id: Option<i64>,
}

/// The name of a cleaner: 1 to 100 characters, more than blanks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

/// The text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a text of 1 to {} characters, more than blanks", Name::MAX_CHARS)]
pub struct InvalidName;

/// Why a cleaner is not removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this cleaner is assigned to the call {0}")]
pub struct Busy(pub i64);

impl Name {
    /// The maximum length.
    pub const MAX_CHARS: usize = 100;

    /// The name with this text.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
        let text = text.into();
        let is_valid = text.chars().nth(Self::MAX_CHARS).is_none() && !text.trim().is_empty();
        if is_valid { Ok(Self(text)) } else { Err(InvalidName) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Cleaner {
    /// Whether they are free.
    pub const fn is_free(&self) -> bool {
        self.call_id.is_none()
    }

    /// Whether they may go to a call for this place.
    pub fn serves(&self, location: Option<&str>) -> bool {
        match (&self.location, location) {
            (Some(own), Some(location)) => own == location,
            (None, _) | (_, None) => true,
        }
    }

    /// Whether they may be removed.
    pub const fn check_removable(&self) -> Result<(), Busy> {
        match self.call_id {
            Some(call_id) => Err(Busy(call_id)),
            None => Ok(()),
        }
    }
}
