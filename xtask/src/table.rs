//! The figures beside their limits.

use std::fmt;

/// One figure and the limit that it has to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// How much it is.
    pub value: String,
    /// How much it may be, in words.
    pub limit: String,
    /// Whether it keeps the limit.
    pub kept: bool,
}

/// Rows in columns.
pub struct Table<'a>(pub &'a [Row]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Row { what, value, limit, kept } in self.0 {
            writeln!(f, "{what:<34} {value:>8}   {limit:<14} {}", if *kept { "ok" } else { "OVER" })?;
        }
        Ok(())
    }
}
