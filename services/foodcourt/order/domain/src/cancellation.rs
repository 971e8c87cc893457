use ambient::{Positive, Subject, Timestamp};
use events::{Decision, Offer, next_epoch};
use foodcourt_order_contract::Canceled;

/// The cancellation of an order, in one of its phases. One that the kitchen has declined at once leaves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancellation {
    /// The kitchen is called, and its decision is not known yet.
    Undecided(Attempt),
    /// The kitchen has declined.
    Void(Attempt),
    /// The kitchen has agreed: the order is cancelled.
    Established(Attempt),
}

/// An attempt to cancel an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The order.
    pub order_id: Positive,
    /// The number of the attempt.
    pub number: i64,
    /// The shop.
    pub shop_id: Positive,
}

/// The request to cancel an order of this shop. The caller has found the order among those that it sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CancelOffer {
    /// The shop.
    pub shop_id: Positive,
}

impl Offer for CancelOffer {
    type State = Cancellation;
    type Attempt = Attempt;
    type Established = Attempt;

    fn owner(&self) -> Option<&Subject> {
        None
    }

    fn content(&self) -> String {
        "cancel".to_owned()
    }

    fn decide(&self, known: Option<&Cancellation>, id: Positive, now: Timestamp) -> Decision<Attempt, Attempt> {
        let begin = |latest| {
            let number = next_epoch(now, latest);
            Decision::Begin(Attempt { order_id: id, number, shop_id: self.shop_id })
        };
        match known {
            None => begin(None),
            Some(Cancellation::Void(past)) => begin(Some(past.number)),
            Some(Cancellation::Undecided(_)) => Decision::InProgress,
            Some(Cancellation::Established(attempt)) => Decision::Known(*attempt),
        }
    }
}

impl Attempt {
    /// The event of an order that is cancelled.
    pub const fn canceled(&self) -> Canceled {
        Canceled { order_id: self.order_id.get(), shop_id: self.shop_id.get() }
    }
}

/// An attempt that the kitchen has agreed to.
impl From<Attempt> for Cancellation {
    fn from(attempt: Attempt) -> Self {
        Self::Established(attempt)
    }
}
