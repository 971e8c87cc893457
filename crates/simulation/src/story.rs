use std::fmt;
use std::time::Duration;

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When, since the run began.
    pub at: Duration,
    /// The business case, if it concerns one; otherwise it concerns all.
    pub case: Option<i64>,
    /// Who did it, or whom it befell.
    pub who: String,
    /// What.
    pub what: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:9.3} s  {:<12} {}", self.at.as_secs_f64(), self.who, self.what)
    }
}
