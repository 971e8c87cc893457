//! Orders of a food court, and their cancellation.
//!
//! An order is placed without asking anyone: the kitchen learns of it by its event. A *cancellation* is decided by the kitchen:
//! it is *undecided* from the request on until the kitchen has agreed or declined. An order keeps the price of its time.

mod cancellation;
mod order;

pub use cancellation::{Attempt, CancelOffer, Cancellation};
pub use order::{
    CANCEL, Cancelled, CookedOrder, Occupied, Order, OtherPrice, Placement, Progress, Quantity, Request, StepEvent,
};
