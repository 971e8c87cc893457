//! The payment context: takes the price of a match, and pays it back. The crate `payment` has its rules.

use events::Inbound;
use match_contract::MatchCanceled;
use payment::{Bill, NoDetails, NoProvider, Payable, Payment, PaymentContext};
use payment_contract::{PaymentApproved, PaymentCanceled, PaymentEvent};
use store::Migrations;

/// The context as it is deployed: add a provider, see `docs/decisions/0027-one-payment-context-for-all-fleets.md`.
pub type Payments = PaymentContext<MatchPayment, NoProvider>;

/// The payment of a match.
#[derive(Debug, Clone)]
pub struct MatchPayment;

/// The event that cancels a payment.
#[derive(Debug, Clone, Inbound)]
#[inbound(epoch = "attempt")]
pub enum Cancellation {
    /// The match is cancelled.
    MatchCanceled(MatchCanceled),
}

impl Payable for MatchPayment {
    const NAME: &'static str = "match";
    const TITLE: &'static str = "payment of match";
    const KEY_FIELD: &'static str = "matchId";
    const KEY_COLUMN: &'static str = "match_id";
    const ABOUT: &'static str = "Takes the price of a match, and gives it back.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());

    type Details = NoDetails;
    type Event = PaymentEvent;
    type Cancellation = Cancellation;

    fn approved(payment: &Payment<NoDetails>) -> PaymentEvent {
        let Bill { key: match_id, attempt, price } = payment.bill;
        PaymentApproved { match_id, attempt, price }.into()
    }

    fn canceled(payment: &Payment<NoDetails>) -> PaymentEvent {
        let Bill { key: match_id, attempt, price } = payment.bill;
        PaymentCanceled { match_id, attempt, price }.into()
    }
}
