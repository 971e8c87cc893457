use thiserror::Error;

/// The longest name that an identity provider may give, in characters.
const LONGEST_NAME: usize = 255;

/// Text that names no tutor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be 1 to {LONGEST_NAME} characters, none of them a control character")]
pub struct NoTutor;

/// Who confirms a visit: the name that an identity provider has given to one person, and never to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tutor(String);

impl Tutor {
    /// The tutor of this name, if it can be one.
    pub fn new(name: impl Into<String>) -> Result<Self, NoTutor> {
        let name = name.into();
        let fits = (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.contains(char::is_control);
        if fits { Ok(Self(name)) } else { Err(NoTutor) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
