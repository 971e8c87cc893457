use ambient::{Subject, Timestamp};
use storage_domain::{Description, Hold, HoldState, InvalidDescription, Registration, Room, Status};
use store::Row;
use store::sqlx::Error;

/// A row of `storages`.
#[derive(Debug, Row)]
#[row(table = "storages", key = "storage_id", state = "Room")]
pub struct RoomRow {
    storage_id: i64,
    description: String,
    price: Option<i64>,
    version: i64,
    status: String,
    reservation_id: Option<i64>,
    holds: i64,
    reviews: i64,
}

/// A row of `holds`.
#[derive(Debug, Row)]
#[row(table = "holds", key = "reservation_id", owner = "customer", state = "Hold")]
pub struct HoldRow {
    reservation_id: i64,
    attempt: i64,
    storage_id: i64,
    number: i64,
    price: i64,
    state: String,
    customer: Option<Subject>,
    reviewed: bool,
}

/// A row of `reviews`.
#[derive(Debug, Clone, PartialEq, Eq, Row)]
#[row(table = "reviews", key = "reservation_id", owner = "customer")]
pub struct ReviewRow {
    /// The reservation, and the id of the review.
    pub reservation_id: i64,
    /// The room.
    pub storage_id: i64,
    /// The text.
    pub content: String,
    /// The customer. `None`: authentication was disabled.
    pub customer: Option<Subject>,
    /// When it was written.
    pub written_at: Timestamp,
}

/// The names of the statuses of rooms, in the table and over HTTP.
pub(crate) const AVAILABLE: &str = "available";
pub(crate) const RESERVING: &str = "reserving";
pub(crate) const RESERVED: &str = "reserved";
const DELETED: &str = "deleted";

/// The name of a status, and the reservation that it names.
pub(crate) const fn status(status: Status) -> (&'static str, Option<i64>) {
    match status {
        Status::Available => (AVAILABLE, None),
        Status::Reserving(reservation_id) => (RESERVING, Some(reservation_id)),
        Status::Reserved(reservation_id) => (RESERVED, Some(reservation_id)),
        Status::Deleted => (DELETED, None),
    }
}

impl From<Room> for RoomRow {
    fn from(room: Room) -> Self {
        let Room { id, registration: Registration { description, price }, version, holds, reviews, .. } = room;
        let (status, reservation_id) = status(room.status);
        let (description, status) = (description.as_str().to_owned(), status.to_owned());
        Self { storage_id: id, description, price, version, status, reservation_id, holds, reviews }
    }
}

impl TryFrom<RoomRow> for Room {
    type Error = Error;

    fn try_from(row: RoomRow) -> Result<Self, Error> {
        let RoomRow { storage_id: id, price, version, holds, reviews, .. } = row;
        let description = Description::new(row.description);
        let description = description.map_err(|error: InvalidDescription| Error::Decode(error.into()))?;
        let status = match (row.status.as_str(), row.reservation_id) {
            (AVAILABLE, None) => Status::Available,
            (RESERVING, Some(reservation_id)) => Status::Reserving(reservation_id),
            (RESERVED, Some(reservation_id)) => Status::Reserved(reservation_id),
            (DELETED, None) => Status::Deleted,
            other => return Err(Error::Decode(format!("{other:?} is no status of a room").into())),
        };
        Ok(Self { id, registration: Registration { description, price }, version, status, holds, reviews })
    }
}

impl From<Hold> for HoldRow {
    fn from(hold: Hold) -> Self {
        let Hold { reservation_id, attempt, storage_id, number, price, state, customer, reviewed } = hold;
        let state = state.name().to_owned();
        Self { reservation_id, attempt, storage_id, number, price, state, customer, reviewed }
    }
}

impl TryFrom<HoldRow> for Hold {
    type Error = Error;

    fn try_from(row: HoldRow) -> Result<Self, Error> {
        let HoldRow { reservation_id, attempt, storage_id, number, price, state, customer, reviewed } = row;
        let unknown = || Error::Decode(format!("{state:?} is no state of a hold").into());
        let state = HoldState::named(&state).ok_or_else(unknown)?;
        Ok(Self { reservation_id, attempt, storage_id, number, price, state, customer, reviewed })
    }
}
