//! The table of figures and their limits.

use std::fmt;

/// One figure and its limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The name of the figure.
    pub name: String,
    /// The measured value.
    pub value: String,
    /// The limit, in words.
    pub limit: String,
    /// Whether the value is within the limit.
    pub kept: bool,
}

/// Prints rows as aligned columns.
pub struct Table<'a>(pub &'a [Row]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Row { name, value, limit, kept } in self.0 {
            writeln!(f, "{name:<34} {value:>8}   {limit:<14} {}", if *kept { "ok" } else { "OVER" })?;
        }
        Ok(())
    }
}
