use ambient::Subject;
use storage_contract::ReviewWritten;
use thiserror::Error;

use crate::{Hold, Room};

/// Why a review is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ReviewRefusal {
    /// The reservation is not one of the caller.
    #[error("only the customer of a reservation of this storage may review it")]
    OtherCustomer,
    /// There is no such reservation of the room, or it was never confirmed.
    #[error("a storage is reviewed after a reservation of it is confirmed")]
    NeverReserved,
    /// The reservation has its review.
    #[error("this reservation has a review already")]
    Reviewed,
}

/// Reviews a room by one of its reservations. Its id is that of the reservation, which has at most one. `customer` is the
/// caller; `None`: authentication is disabled.
pub fn review(
    room: &mut Room,
    hold: Option<&mut Hold>,
    customer: Option<&Subject>,
) -> Result<ReviewWritten, ReviewRefusal> {
    let is_own = |hold: &&mut Hold| customer.is_none() || hold.customer.as_ref() == customer;
    let hold = match hold.filter(|hold| hold.storage_id == room.id).filter(is_own) {
        Some(hold) => hold,
        None if customer.is_some() => return Err(ReviewRefusal::OtherCustomer),
        None => return Err(ReviewRefusal::NeverReserved),
    };
    if !hold.was_confirmed() {
        return Err(ReviewRefusal::NeverReserved);
    }
    if hold.reviewed {
        return Err(ReviewRefusal::Reviewed);
    }
    hold.reviewed = true;
    room.reviews += 1;
    Ok(ReviewWritten {
        storage_id: room.id,
        review_id: hold.reservation_id,
        reservation_id: hold.reservation_id,
        review_cnt: room.reviews,
        customer: hold.customer.as_ref().map(|customer| customer.as_str().to_owned()),
    })
}
