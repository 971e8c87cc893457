//! The payment context: takes the price of a reservation, and pays it back. The crate `payment` has its rules.

use chassis::body::{Fields, MAX_EXACT, required};
use chassis::openapi::number_or_digits;
use chassis::problem::Problem;
use events::Inbound;
use payment::{Bill, NoProvider, Payable, Payment, PaymentContext};
use reservation_contract::ReservationCancelRequested;
use serde::{Deserialize, Serialize};
use storagerent_payment_contract::{PaymentApproved, PaymentCancelled, PaymentEvent};
use store::Migrations;
use utoipa::openapi::schema::ObjectBuilder;

/// The context as it is deployed: add a provider, see `docs/decisions/0027-one-payment-context-for-all-fleets.md`.
pub type Payments = PaymentContext<ReservationPayment, NoProvider>;

/// The payment of a reservation.
#[derive(Debug, Clone)]
pub struct ReservationPayment;

/// The room that is paid, and the number of its hold. The events of a payment carry both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The room.
    pub storage_id: i64,
    /// The number of the hold.
    pub hold: i64,
}

/// The event that cancels a payment.
#[derive(Debug, Clone, Inbound)]
#[inbound(epoch = "attempt")]
pub enum Cancellation {
    /// The customer has requested the cancellation of the reservation.
    ReservationCancelRequested(ReservationCancelRequested),
}

impl Payable for ReservationPayment {
    const NAME: &'static str = "reservation";
    const TITLE: &'static str = "payment of reservation";
    const KEY_FIELD: &'static str = "reservationId";
    const KEY_COLUMN: &'static str = "reservation_id";
    const ABOUT: &'static str = "Takes the price of a reservation, and pays it back.";
    const READERS: &'static [&'static str] = &["manager"];
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());

    type Details = Hold;
    type Event = PaymentEvent;
    type Cancellation = Cancellation;

    fn approved(payment: &Payment<Hold>) -> PaymentEvent {
        let Bill { key: reservation_id, attempt, price } = payment.bill;
        let Hold { storage_id, hold } = payment.details;
        PaymentApproved { reservation_id, attempt, storage_id, hold, price }.into()
    }

    fn canceled(payment: &Payment<Hold>) -> PaymentEvent {
        let Bill { key: reservation_id, attempt, price } = payment.bill;
        let Hold { storage_id, hold } = payment.details;
        PaymentCancelled { reservation_id, attempt, storage_id, hold, price }.into()
    }

    fn details(fields: &Fields) -> Result<Hold, Problem> {
        let number = |name| required(fields.whole_number(name, 1..=MAX_EXACT)?, name);
        Ok(Hold { storage_id: number("storageId")?, hold: number("hold")? })
    }

    fn describe_details(request: ObjectBuilder) -> ObjectBuilder {
        request
            .property("storageId", number_or_digits("The room.", MAX_EXACT))
            .property("hold", number_or_digits("The number of the hold of the room.", MAX_EXACT))
    }
}
