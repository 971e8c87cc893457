//! Storage rooms, their holds and their reviews.
//!
//! A reservation *holds* a room while it is paid. Once it is confirmed, the hold is a reservation of the room. At most one
//! hold occupies a room. A room counts its holds: the number of a hold tells the latest one, in whatever order events
//! arrive.

mod hold;
mod review;
mod room;

pub use hold::{Attempt, Hold, HoldRefusal, HoldRequest, HoldState, OtherHold, cancel, confirm, hold, release};
pub use review::{ReviewRefusal, review};
pub use room::{Description, InvalidDescription, Modification, Occupied, Registration, Room, Status};
