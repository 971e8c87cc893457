//! Time, ids and randomness as explicit dependencies, the subject of a request, and positive numbers.
//!
//! Nothing here does I/O: domains may use it. All nondeterminism comes from here, so that tests and simulations can control it. `clippy.toml` forbids the ambient
//! sources elsewhere.

mod clock;
mod ids;
mod positive;
mod subject;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use ids::Ids;
pub use positive::{OutOfRange, Positive};
pub use subject::{InvalidSubject, Subject};
pub use uuid::Uuid;
