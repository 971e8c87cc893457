use ambient::Subject;
use events::Names;
use storage_contract::{StorageCancelled, StorageReserved};
use thiserror::Error;

use crate::{Room, Status};

/// The latest attempt of a reservation to hold a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The reservation.
    pub reservation_id: i64,
    /// The attempt of the reservation. Later attempts have greater numbers. 0: there was none.
    pub attempt: i64,
    /// The room.
    pub storage_id: i64,
    /// The number that the room has given it. 0: it was released before it arrived.
    pub number: i64,
    /// The price of the room at that time.
    pub price: i64,
    /// The state.
    pub state: HoldState,
    /// The customer. `None`: authentication was disabled.
    pub customer: Option<Subject>,
    /// Whether the customer has reviewed the room.
    pub reviewed: bool,
}

/// The state of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Names)]
pub enum HoldState {
    /// It occupies the room, and is not confirmed.
    Held,
    /// It occupies the room, and is confirmed.
    Reserved,
    /// It has ended, or never began, and was not confirmed.
    Released,
    /// It has ended, and was confirmed.
    Cancelled,
}

/// An attempt of a reservation to hold a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The room.
    pub storage_id: i64,
    /// The reservation.
    pub reservation_id: i64,
    /// The number of the attempt. Later attempts of the reservation have greater numbers.
    pub attempt: i64,
}

/// A request to hold a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRequest {
    /// The attempt.
    pub attempt: Attempt,
    /// The price that the customer expects, if any.
    pub price: Option<i64>,
    /// The customer. `None`: authentication is disabled.
    pub customer: Option<Subject>,
}

/// Why a room is not held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HoldRefusal {
    /// It is not registered, or deleted.
    #[error("there is no storage {0}")]
    Unknown(i64),
    /// Another reservation holds it.
    #[error("another reservation holds this storage")]
    Taken,
    /// It has no price.
    #[error("this storage has no price yet")]
    WithoutPrice,
    /// The customer expects another price.
    #[error("the price is {price}, and {expected} was expected")]
    OtherPrice {
        /// The price of the room.
        price: i64,
        /// The price that the customer expects.
        expected: i64,
    },
    /// The attempt was released, or another hold of the reservation counts.
    #[error("this attempt was released, or another hold of this reservation counts")]
    Released,
}

/// Why a hold is not released yet: an earlier attempt of its reservation holds a room, and is to be released first. A mark
/// in its place would lose that hold. The caller repeats the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("another hold of this reservation is not released yet")]
pub struct OtherHold;

impl Hold {
    /// Before the first attempt.
    pub const fn none(reservation_id: i64) -> Self {
        let state = HoldState::Released;
        Self { reservation_id, attempt: 0, storage_id: 0, number: 0, price: 0, state, customer: None, reviewed: false }
    }

    /// Whether it was confirmed at some time.
    pub const fn was_confirmed(&self) -> bool {
        matches!(self.state, HoldState::Reserved | HoldState::Cancelled)
    }

    /// Whether it occupies its room.
    pub const fn is_active(&self) -> bool {
        matches!(self.state, HoldState::Held | HoldState::Reserved)
    }

    /// Whether an attempt takes its place: not while it occupies a room, and never after it was confirmed.
    fn is_superseded_by(&self, attempt: i64) -> bool {
        self.attempt < attempt && self.state == HoldState::Released
    }

    const fn is_of(&self, room: &Room, number: i64) -> bool {
        self.storage_id == room.id && self.number == number
    }

    fn end(&mut self, room: &mut Room) -> StorageCancelled {
        room.status = Status::Available;
        self.state = if self.was_confirmed() { HoldState::Cancelled } else { HoldState::Released };
        StorageCancelled { storage_id: room.id, hold: self.number, reservation_id: self.reservation_id }
    }
}

/// Holds a room. `known` is the latest attempt of the reservation. The same request again changes nothing.
pub fn hold(room: Option<&mut Room>, known: &mut Hold, request: HoldRequest) -> Result<(), HoldRefusal> {
    let HoldRequest { attempt: Attempt { storage_id, reservation_id, attempt }, price: expected, customer } = request;
    if known.is_active() && (known.storage_id, known.attempt) == (storage_id, attempt) {
        return Ok(());
    }
    if !known.is_superseded_by(attempt) {
        return Err(HoldRefusal::Released);
    }
    let room = room.filter(|room| !room.is_deleted()).ok_or(HoldRefusal::Unknown(storage_id))?;
    let price = room.registration.price.ok_or(HoldRefusal::WithoutPrice)?;
    if let Some(expected) = expected.filter(|expected| *expected != price) {
        return Err(HoldRefusal::OtherPrice { price, expected });
    }
    if room.status != Status::Available {
        return Err(HoldRefusal::Taken);
    }
    room.holds += 1;
    room.status = Status::Reserving(reservation_id);
    let (number, state) = (room.holds, HoldState::Held);
    *known = Hold { reservation_id, attempt, storage_id, number, price, state, customer, reviewed: false };
    Ok(())
}

/// Releases a hold. One that has not arrived yet is refused when it does, once this has succeeded. Returns the event if the
/// hold was confirmed.
pub fn release(
    room: Option<&mut Room>,
    known: &mut Hold,
    attempt: Attempt,
) -> Result<Option<StorageCancelled>, OtherHold> {
    let Attempt { storage_id, reservation_id, attempt } = attempt;
    if known.is_superseded_by(attempt) {
        *known = Hold { attempt, storage_id, ..Hold::none(reservation_id) };
    }
    if !known.is_active() || known.attempt > attempt {
        return Ok(None);
    }
    let room = room.filter(|room| room.id == known.storage_id && known.attempt == attempt).ok_or(OtherHold)?;
    let was_confirmed = known.was_confirmed();
    Ok(Some(known.end(room)).filter(|_| was_confirmed))
}

/// The reservation of the hold with this number is confirmed. Returns the event if the room is reserved by that. The
/// cancellation may have overtaken the confirmation: then the room stays free.
pub fn confirm(room: &mut Room, known: &mut Hold, number: i64) -> Option<StorageReserved> {
    if !known.is_of(room, number) || known.was_confirmed() {
        return None;
    }
    if !known.is_active() {
        known.state = HoldState::Cancelled;
        return None;
    }
    known.state = HoldState::Reserved;
    room.status = Status::Reserved(known.reservation_id);
    Some(StorageReserved { storage_id: room.id, hold: number, reservation_id: known.reservation_id })
}

/// The reservation of the hold with this number is cancelled. Returns the event if the room is free by that.
pub fn cancel(room: &mut Room, known: &mut Hold, number: i64) -> Option<StorageCancelled> {
    (known.is_of(room, number) && known.is_active()).then(|| known.end(room))
}
