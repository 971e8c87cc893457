use async_trait::async_trait;
use events::{DecodeError, Envelope, Inbound};
use messaging::{EventHandler, Outbox, Received, StagedEvents};
use reservation_contract::{ReservationCancelled, ReservationConfirmed};
use storage_contract::StorageEvent;
use storage_domain::{Hold, Room, cancel, confirm};
use store::Tx;
use store::sqlx::Error;

use crate::store::RoomStore;

/// An event of the reservation context about a hold.
#[derive(Debug, Clone, Inbound)]
#[inbound(key = "storage_id", epoch = "hold")]
pub enum Outcome {
    /// The reservation is confirmed.
    ReservationConfirmed(ReservationConfirmed),
    /// The reservation is cancelled.
    ReservationCancelled(ReservationCancelled),
}

impl Outcome {
    const fn reservation_id(&self) -> i64 {
        match self {
            Self::ReservationConfirmed(event) => event.reservation_id,
            Self::ReservationCancelled(event) => event.reservation_id,
        }
    }

    fn apply(&self, room: &mut Room, hold: &mut Hold) -> Option<StorageEvent> {
        match self {
            Self::ReservationConfirmed(_) => confirm(room, hold, self.epoch()).map(StorageEvent::from),
            Self::ReservationCancelled(_) => cancel(room, hold, self.epoch()).map(StorageEvent::from),
        }
    }
}

/// Makes holds reservations, and frees rooms, by the events of the reservation context. An event about a hold that is not
/// the latest one of its reservation changes nothing.
pub struct Reservations {
    rooms: RoomStore,
}

impl Reservations {
    /// Of these rooms.
    pub const fn new(rooms: RoomStore) -> Self {
        Self { rooms }
    }
}

#[async_trait]
impl EventHandler for Reservations {
    type Event = Outcome;

    const CONTEXTS: &'static [&'static str] = Outcome::CONTEXTS;

    fn decode(&self, envelope: &Envelope) -> Result<Option<Outcome>, DecodeError> {
        Outcome::decode(envelope)
    }

    async fn apply(
        &self,
        tx: &mut Tx,
        events: &[Received<Outcome>],
        outbox: &Outbox,
        pending: &mut StagedEvents,
    ) -> Result<(), Error> {
        let storages: Vec<i64> = events.iter().map(|received| received.event.key()).collect();
        let reservations: Vec<i64> = events.iter().map(|received| received.event.reservation_id()).collect();
        let mut rooms = self.rooms.lock_rooms(tx, &storages).await?;
        let mut holds = self.rooms.lock_holds(tx, &reservations).await?;
        for Received { event, trace, .. } in events {
            let room_and_hold = rooms.get_mut(&event.key()).zip(holds.get_mut(&event.reservation_id()));
            if let Some(published) = room_and_hold.and_then(|(room, hold)| event.apply(room, hold)) {
                outbox.stage(pending, &published, *trace)?;
            }
        }
        self.rooms.write(tx, rooms.into_values(), holds.into_values()).await
    }
}
