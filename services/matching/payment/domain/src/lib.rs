//! The payment of a match.
//!
//! It is approved or not when it is asked for, and cancelled when the match is, or when nobody can tell whether it was
//! approved. A cancellation may overtake the approval that it undoes: then it leaves a *void* payment behind, which
//! refuses the approval when it comes.

use match_contract::{Attempt, MatchCanceled};
use payment_contract::{PaymentApproved, PaymentCanceled};
use thiserror::Error;

/// What is asked to be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bill {
    /// The match.
    pub match_id: i64,
    /// The attempt at this match; a later one has a greater number.
    pub attempt: Attempt,
    /// How much.
    pub price: i64,
}

/// The payment of the latest attempt at a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payment {
    /// What it pays.
    pub bill: Bill,
    /// How it stands.
    pub state: State,
}

/// How a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The money is taken.
    Approved,
    /// The money was taken and is given back.
    Canceled,
    /// Cancelled before it was approved: never to be taken.
    Void,
}

/// Why a payment is not approved although the provider would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The attempt was cancelled in the meantime.
    #[error("this attempt was cancelled")]
    Canceled,
    /// A later attempt is known, or an earlier one still stands.
    #[error("another attempt at this match counts")]
    OtherAttempt,
}

/// What an approval changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approval {
    /// The payment is approved now.
    Now(Payment, PaymentApproved),
    /// It was approved before.
    Before(Payment),
}

/// Decides about the approval of a bill that the provider has taken, given the payment of that match, if there is one.
pub fn approve(known: Option<&Payment>, bill: Bill) -> Result<Approval, Refusal> {
    let approved = || {
        let Bill { match_id, attempt, price } = bill;
        Approval::Now(Payment { bill, state: State::Approved }, PaymentApproved { match_id, attempt, price })
    };
    match known {
        None => Ok(approved()),
        Some(known) if known.bill.attempt == bill.attempt => match known.state {
            State::Approved => Ok(Approval::Before(*known)),
            State::Canceled | State::Void => Err(Refusal::Canceled),
        },
        Some(known) if known.bill.attempt < bill.attempt && known.state != State::Approved => Ok(approved()),
        Some(_) => Err(Refusal::OtherAttempt),
    }
}

/// What cancelling a bill's payment changes: `None` if it is cancelled already, or past.
///
/// The event is there only if money had been taken.
pub fn cancel(known: Option<&Payment>, bill: Bill) -> Option<(Payment, Option<PaymentCanceled>)> {
    let void = Payment { bill, state: State::Void };
    match known {
        None => Some((void, None)),
        Some(known) if known.bill.attempt == bill.attempt => known.give_back(),
        Some(known) if known.bill.attempt < bill.attempt && known.state != State::Approved => Some((void, None)),
        Some(_) => None,
    }
}

impl Payment {
    /// What becomes of it when its match is cancelled: `None` if nothing.
    pub fn follow(&self, canceled: &MatchCanceled) -> Option<(Self, Option<PaymentCanceled>)> {
        if self.bill.attempt == canceled.attempt { self.give_back() } else { None }
    }

    fn give_back(&self) -> Option<(Self, Option<PaymentCanceled>)> {
        let Bill { match_id, attempt, price } = self.bill;
        let canceled = Self { state: State::Canceled, ..*self };
        (self.state == State::Approved).then_some((canceled, Some(PaymentCanceled { match_id, attempt, price })))
    }
}
