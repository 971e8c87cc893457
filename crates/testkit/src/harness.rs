//! The test harness: runs the cases of a fleet on all available parts.

mod case;
mod suite;

pub use case::{Case, Run};
pub use suite::run;
