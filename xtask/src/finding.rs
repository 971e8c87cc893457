//! What a rule has found.

use std::fmt;

/// One breach of one rule, told on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `file:line`, or the package's manifest.
    pub place: String,
    /// What is wrong, and what to do instead where that is not plain.
    pub text: String,
}

impl Finding {
    /// A finding about a whole file or package.
    pub fn at(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { place: place.into(), text: text.into() }
    }

    /// A finding about one line.
    pub fn on_line(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self::at(format!("{path}:{line}"), text)
    }
}

/// All findings, one per line, and their number.
pub struct Listing<'a>(pub &'a [Finding]);

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { place, text } in self.0 {
            writeln!(f, "{place}: {text}")?;
        }
        match self.0.len() {
            0 => writeln!(f, "xtask check: nothing found"),
            count => writeln!(f, "xtask check: {count} found"),
        }
    }
}
