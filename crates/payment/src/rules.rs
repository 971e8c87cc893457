//! The rules of a payment, without I/O.
//!
//! A payment is approved when it is requested, unless the provider declines. It is cancelled when what it pays for is
//! cancelled, or when the outcome of the request is unknown. A cancellation may overtake the approval that it undoes: then
//! it leaves a *void* payment behind, and the approval is rejected.

use std::cmp::Ordering;

use thiserror::Error;

/// An amount that is to be taken once. The key and the attempt identify it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bill {
    /// What is paid.
    pub key: i64,
    /// The attempt at it. Later attempts have greater numbers.
    pub attempt: i64,
    /// The amount.
    pub price: i64,
}

/// The payment of the latest attempt at a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment<D> {
    /// What it pays.
    pub bill: Bill,
    /// The details of the fleet.
    pub details: D,
    /// The state.
    pub state: State,
}

/// The state of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The money is taken.
    Approved,
    /// The money was taken, and is paid back.
    Canceled,
    /// Cancelled before it was approved: the money must not be taken.
    Void,
}

/// Why a bill is not approved although the provider has taken the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ApproveError {
    /// The attempt was cancelled before.
    #[error("this attempt was cancelled")]
    Canceled,
    /// A later attempt is known, or an earlier one is approved.
    #[error("another attempt counts")]
    OtherAttempt,
}

/// The approval of a bill whose money the provider has taken. `known` is the payment of its key. Returns the new payment;
/// `None` if the bill is approved already.
pub fn approve<D>(known: Option<&Payment<D>>, bill: Bill, details: D) -> Result<Option<Payment<D>>, ApproveError> {
    match known.map(|known| (known.bill.attempt.cmp(&bill.attempt), known.state)) {
        Some((Ordering::Equal, State::Approved)) => Ok(None),
        Some((Ordering::Equal, State::Canceled | State::Void)) => Err(ApproveError::Canceled),
        // An earlier attempt does not give way while its own money is taken.
        Some((Ordering::Greater, _) | (Ordering::Less, State::Approved)) => Err(ApproveError::OtherAttempt),
        Some((Ordering::Less, State::Canceled | State::Void)) | None => {
            Ok(Some(Payment { bill, details, state: State::Approved }))
        }
    }
}

/// Why a bill is not cancelled yet: the payment of an earlier attempt is approved, and its cancellation is on its way. The
/// caller repeats the request. A void payment in the place of the approved one would lose that money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an earlier attempt is not cancelled yet")]
pub struct EarlierAttemptApproved;

/// The cancellation of a bill. `known` is the payment of its key. Returns the changed payment: canceled if money had been
/// taken, void if not. `None` if the bill is cancelled already, or is of a past attempt.
pub fn cancel<D: Clone>(
    known: Option<&Payment<D>>,
    bill: Bill,
    details: D,
) -> Result<Option<Payment<D>>, EarlierAttemptApproved> {
    match known.map(|known| (known.bill.attempt.cmp(&bill.attempt), known)) {
        Some((Ordering::Equal, known)) => Ok(known.canceled(bill.attempt)),
        Some((Ordering::Greater, _)) => Ok(None),
        Some((Ordering::Less, Payment { state: State::Approved, .. })) => Err(EarlierAttemptApproved),
        Some((Ordering::Less, _)) | None => Ok(Some(Payment { bill, details, state: State::Void })),
    }
}

impl<D: Clone> Payment<D> {
    /// This payment, cancelled with this attempt. `None` if that changes nothing.
    pub fn canceled(&self, attempt: i64) -> Option<Self> {
        let is_taken = self.bill.attempt == attempt && self.state == State::Approved;
        is_taken.then(|| Self { state: State::Canceled, ..self.clone() })
    }
}
