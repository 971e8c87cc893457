use std::fmt;

use thiserror::Error;

/// How many characters a masked number shows, at its end.
const SHOWN: usize = 3;

/// A telephone number: 7 to 20 digits, plus signs, hyphens and blanks. It is personal: its `Debug` is masked.
#[derive(Clone, PartialEq, Eq)]
pub struct Telephone(String);

/// The text is no telephone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a text of {} to {} digits, +, - and blanks", Telephone::MIN_CHARS, Telephone::MAX_CHARS)]
pub struct InvalidTelephone;

impl Telephone {
    /// The minimum length.
    pub const MIN_CHARS: usize = 7;

    /// The maximum length.
    pub const MAX_CHARS: usize = 20;

    /// The number with this text.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidTelephone> {
        let text = text.into();
        let is_allowed = |byte: u8| byte.is_ascii_digit() || b"+- ".contains(&byte);
        let is_valid = (Self::MIN_CHARS..=Self::MAX_CHARS).contains(&text.len()) && text.bytes().all(is_allowed);
        if is_valid { Ok(Self(text)) } else { Err(InvalidTelephone) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text for others than the customer and operators.
    pub fn masked(&self) -> String {
        let hidden = self.0.len() - SHOWN;
        format!("{}{}", "*".repeat(hidden), &self.0[hidden..])
    }
}

impl fmt::Debug for Telephone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}
