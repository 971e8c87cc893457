use std::ops::Deref;

use thiserror::Error;

/// The maximum length of a subject in characters.
const MAX_LENGTH: usize = 255;

/// The text is no subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be 1 to {MAX_LENGTH} characters, none of them a control character")]
pub struct InvalidSubject;

/// The name that an identity provider has given to one person, and to no other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(String);

impl Subject {
    /// The subject with this name.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidSubject> {
        let name = name.into();
        let is_valid = (1..=MAX_LENGTH).contains(&name.chars().count()) && !name.contains(char::is_control);
        if is_valid { Ok(Self(name)) } else { Err(InvalidSubject) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Subject {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_has_1_to_255_characters_without_control_characters() {
        for invalid in [String::new(), "a".repeat(256), "a\nb".to_owned(), "\0".to_owned()] {
            assert_eq!(Subject::new(invalid.clone()), Err(InvalidSubject), "{invalid:?}");
        }
        for valid in ["a".to_owned(), "\u{e9}".repeat(255), "f:1 tom@example".to_owned()] {
            assert_eq!(Subject::new(valid.clone()).unwrap().as_str(), valid);
        }
    }
}
