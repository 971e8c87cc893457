use std::fmt;
use std::time::Duration;

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceLine {
    /// The simulated time since the start.
    pub at: Duration,
    /// The business case, if the line is about one; otherwise it is about all.
    pub case: Option<i64>,
    /// The process or part that acts or fails.
    pub who: String,
    /// The action or the fault.
    pub what: String,
}

impl fmt::Display for TraceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:9.3} s  {:<12} {}", self.at.as_secs_f64(), self.who, self.what)
    }
}
