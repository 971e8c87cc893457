use ambient::Timestamp;
use events::{Inbound, Never, Projection};
use store::Row;
use {reservation_contract as reservation, storage_contract as storage, storagerent_payment_contract as payment};

/// The statuses of rooms, reservations and payments, each kind in its own order. The first: none is known.
const ORDER: [&str; 8] = ["", "reserving", "reqReserve", "approved", "reserved", "reqCancel", "available", "cancelled"];

/// A row of `storage_views`, and the state that events are folded into.
#[derive(Debug, Clone, Default, PartialEq, Eq, Row)]
#[row(table = "storage_views", key = "storage_id")]
#[expect(missing_docs, reason = "the names of the columns, which are the words of the business")]
pub struct StorageView {
    pub storage_id: i64,
    /// The latest known version of the registration, which has the description and the price; 0 if none is known.
    pub version: i64,
    pub description: Option<String>,
    pub price: Option<i64>,
    pub deleted: bool,
    pub review_cnt: i64,
    /// The latest known hold, which the fields below are about; 0 if none is known. A status is the furthest known one.
    pub hold: i64,
    pub reservation_id: Option<i64>,
    pub storage_status: String,
    pub reservation_status: String,
    pub payment_status: String,
}

/// The events that a page shows.
#[derive(Debug, Clone, Inbound)]
#[inbound(key = "storage_id")]
#[expect(missing_docs, reason = "the names of the events")]
pub enum PageEvent {
    StorageRegistered(storage::StorageRegistered),
    StorageModified(storage::StorageModified),
    StorageDeleted(storage::StorageDeleted),
    StorageReserved(storage::StorageReserved),
    StorageCancelled(storage::StorageCancelled),
    ReviewWritten(storage::ReviewWritten),
    ReservationCreated(reservation::ReservationCreated),
    ReservationConfirmed(reservation::ReservationConfirmed),
    ReservationCancelRequested(reservation::ReservationCancelRequested),
    ReservationCancelled(reservation::ReservationCancelled),
    PaymentApproved(payment::PaymentApproved),
    PaymentCancelled(payment::PaymentCancelled),
}

/// The version of the registration, the hold and the number of reviews only grow, each by itself: no epoch orders all events.
impl Projection for StorageView {
    type Event = PageEvent;
    type Emits = Never;

    fn begin(storage_id: i64, _epoch: i64) -> Self {
        Self { storage_id, ..Self::default() }
    }

    fn epoch(&self) -> i64 {
        0
    }

    fn apply(&mut self, event: &PageEvent, _at: Timestamp) -> Option<Never> {
        match event {
            PageEvent::StorageRegistered(storage::StorageRegistered { version, description, price, .. })
            | PageEvent::StorageModified(storage::StorageModified { version, description, price, .. }) => {
                if *version >= self.version {
                    (self.version, self.description, self.price) = (*version, Some(description.clone()), *price);
                }
            }
            PageEvent::StorageDeleted(_) => self.deleted = true,
            PageEvent::ReviewWritten(event) => self.review_cnt = self.review_cnt.max(event.review_cnt),
            PageEvent::ReservationCreated(e) => self.advance(e.hold, e.reservation_id, ["reserving", "reqReserve", ""]),
            PageEvent::StorageReserved(e) => self.advance(e.hold, e.reservation_id, ["reserved", "", ""]),
            PageEvent::StorageCancelled(e) => self.advance(e.hold, e.reservation_id, ["available", "", ""]),
            PageEvent::ReservationConfirmed(e) => self.advance(e.hold, e.reservation_id, ["", "reserved", ""]),
            PageEvent::ReservationCancelRequested(e) => self.advance(e.hold, e.reservation_id, ["", "reqCancel", ""]),
            PageEvent::ReservationCancelled(e) => self.advance(e.hold, e.reservation_id, ["", "cancelled", ""]),
            PageEvent::PaymentApproved(e) => self.advance(e.hold, e.reservation_id, ["", "", "approved"]),
            PageEvent::PaymentCancelled(e) => self.advance(e.hold, e.reservation_id, ["", "", "cancelled"]),
        }
        None
    }
}

impl StorageView {
    /// A status becomes the furthest one of its hold. A later hold begins anew, an earlier one changes nothing.
    fn advance(&mut self, hold: i64, reservation_id: i64, statuses: [&str; 3]) {
        let begins = hold > self.hold;
        if begins {
            (self.hold, self.reservation_id) = (hold, Some(reservation_id));
        }
        let known = [&mut self.storage_status, &mut self.reservation_status, &mut self.payment_status];
        for (known, status) in known.into_iter().zip(statuses) {
            if begins || hold == self.hold && place(status) > place(known) {
                status.clone_into(known);
            }
        }
    }
}

/// The place of a status in [`ORDER`].
pub(crate) fn place(status: &str) -> i64 {
    (0..).zip(ORDER).find_map(|(place, known)| (known == status).then_some(place)).unwrap_or_default()
}
