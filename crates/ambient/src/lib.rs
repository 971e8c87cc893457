//! Time, ids and randomness, passed in instead of taken from the air.
//!
//! Everything that could differ between two runs comes from here, so that a test, or a simulation of a whole
//! fleet, can decide it. `clippy.toml` forbids the ambient sources everywhere else.

mod clock;
mod ids;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use ids::Ids;
