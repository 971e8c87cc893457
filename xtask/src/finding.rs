//! The findings of rules.

use std::fmt;

/// One violation of one rule, printed on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `file:line`, or the package's manifest.
    pub place: String,
    /// The violation, and its fix where that is not obvious.
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
