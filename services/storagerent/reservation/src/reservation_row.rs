use ambient::{Positive, Subject};
use context::saga::{Phase, SagaTable};
use reservation_domain::{Attempt, Established, Reservation, Status, Terms};
use sqlx::Error;
use store::Row;

/// A row of `reservations`. `attempt` and `phase` belong to the saga, and so do the columns `step` and `retry_at`.
#[derive(Debug, Row)]
#[row(table = "reservations", key = "reservation_id", owner = "customer", state = "Reservation")]
pub struct ReservationRow {
    reservation_id: i64,
    attempt: i64,
    storage_id: Positive,
    price: Option<Positive>,
    hold: Option<Positive>,
    phase: String,
    status: String,
    paid: bool,
    customer: Option<Subject>,
}

/// The columns of the saga.
pub(crate) const TABLE: SagaTable = SagaTable {
    on_established: Some("status = 'reqReserve'"),
    // A void attempt has no owner.
    on_void: Some("customer = NULL"),
    ..SagaTable::of(ReservationRow::TABLE)
};

impl From<Reservation> for ReservationRow {
    fn from(state: Reservation) -> Self {
        let (phase, status, paid) = match &state {
            Reservation::Pending(_, paid) => (Phase::Pending, None, *paid),
            Reservation::Compensating(_) => (Phase::Compensating, None, false),
            Reservation::Void(_) => (Phase::Void, None, false),
            Reservation::Established(it) => (Phase::Established, Some(it.status), it.paid),
        };
        let Attempt { id, number, storage_id, terms, customer } = state.attempt().clone();
        let (price, hold) = match terms {
            Terms::Expected(price) => (price, None),
            Terms::Held { hold, price } => (Some(price), Some(hold)),
        };
        let phase = TABLE.name_of(phase).to_owned();
        let status = status.map_or("", Status::name).to_owned();
        Self { reservation_id: id.get(), attempt: number, storage_id, price, hold, phase, status, paid, customer }
    }
}

impl TryFrom<ReservationRow> for Reservation {
    type Error = Error;

    fn try_from(row: ReservationRow) -> Result<Self, Error> {
        let ReservationRow { reservation_id, attempt: number, storage_id, price, hold, phase, status, paid, customer } =
            row;
        let id = Positive::new(reservation_id).map_err(|error| Error::Decode(error.into()))?;
        let terms = match (hold, price) {
            (Some(hold), Some(price)) => Terms::Held { hold, price },
            (_, price) => Terms::Expected(price),
        };
        let attempt = Attempt { id, number, storage_id, terms, customer };
        match (TABLE.phase_named(&phase), Status::named(&status)) {
            (Some(Phase::Pending), _) => Ok(Self::Pending(attempt, paid)),
            (Some(Phase::Compensating), _) => Ok(Self::Compensating(attempt)),
            (Some(Phase::Void), _) => Ok(Self::Void(attempt)),
            (Some(Phase::Established), Some(status)) => Ok(Self::Established(Established { attempt, status, paid })),
            _ => Err(Error::Decode(format!("phase {phase:?} and status {status:?} are no state").into())),
        }
    }
}
