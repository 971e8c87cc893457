//! The hard cases of the matching fleet, on real processes: see `fleet/main.rs`. They share the operations of students and
//! tutors, and the check of all laws at the end.

pub mod grpc;
pub mod hostile;
mod load;
mod people;
mod soundness;

pub use load::{Load, established, request_all};
pub use people::{DATE, PRICE, People, TEACHER};
pub use soundness::{Outcome, Outcomes, is_sound};

use std::time::Duration;

/// For whatever should take a moment: generous, as the machine may be building something else.
pub const SOON: Duration = Duration::from_secs(30);

/// For whatever waits until a broker gives a dead consumer's work to another.
pub const LATER: Duration = Duration::from_secs(90);
