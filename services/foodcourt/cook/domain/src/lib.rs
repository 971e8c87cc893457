//! The orders of a kitchen.
//!
//! A kitchen takes an order, and finishes it. It agrees to a cancellation unless it has taken the order: then it has *dropped*
//! the order for good. The cancellation may come before the order does: the kitchen remembers it, and never shows the order.

use ambient::{Subject, Timestamp};
use cook_contract::{CookEvent, CookStarted, Cooked};
use events::{Inbound, Names, Projection};
use foodcourt_order_contract::{Canceled, Ordered};
use thiserror::Error;

/// An order in its kitchen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KitchenOrder {
    /// The order.
    pub order_id: i64,
    /// What is ordered, once the order has come.
    pub dish: Option<Dish>,
    /// The shop. 0: nothing has come.
    pub shop_id: i64,
    /// How far it is.
    pub status: Status,
}

/// What is ordered, when, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dish {
    /// The dish, in the menu of the shop.
    pub menu_id: i64,
    /// How many of it.
    pub qty: i64,
    /// When it was ordered.
    pub ordered_at: Timestamp,
    /// The customer. `None`: authentication was disabled.
    pub customer: Option<Subject>,
}

/// The status of an order in its kitchen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Names)]
pub enum Status {
    /// The kitchen has not received it.
    Unknown,
    /// It can be taken, or cancelled.
    Order,
    /// It is taken.
    Cook,
    /// It is finished.
    Cooked,
    /// It was cancelled: the kitchen has dropped it, whether it had come or not.
    Cancel,
}

/// A step that a kitchen takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Names)]
pub enum Step {
    /// It takes the order.
    Cook,
    /// It finishes the order.
    Cooked,
}

/// The order is not in the state that is needed, but in this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the state of the order is {:?}", .0.name())]
pub struct OtherStatus(pub Status);

/// An event of the order context.
#[derive(Debug, Clone, PartialEq, Eq, Inbound)]
pub enum OrderChange {
    /// A customer has ordered.
    Ordered(Ordered),
    /// The order is cancelled.
    Canceled(Canceled),
}

impl KitchenOrder {
    /// Before anything of the order has come.
    pub const fn unknown(order_id: i64) -> Self {
        Self { order_id, dish: None, shop_id: 0, status: Status::Unknown }
    }

    /// Agrees to the cancellation: the order is dropped, and the same again has no effect. Declined once it is taken, and for
    /// good, as nothing leads back.
    pub const fn cancel(&mut self, shop_id: i64) -> Result<(), OtherStatus> {
        if matches!(self.status, Status::Cook | Status::Cooked) {
            return Err(OtherStatus(self.status));
        }
        (self.shop_id, self.status) = (shop_id, Status::Cancel);
        Ok(())
    }

    /// Takes or finishes the order. `None` if that was done before.
    pub fn advance(&mut self, step: Step) -> Result<Option<CookEvent>, OtherStatus> {
        let Self { order_id, shop_id, status, .. } = *self;
        let event = match (step, status) {
            (Step::Cook, Status::Cook) | (Step::Cooked, Status::Cooked) => return Ok(None),
            (Step::Cook, Status::Order) => CookStarted { order_id, shop_id }.into(),
            (Step::Cooked, Status::Cook) => Cooked { order_id, shop_id }.into(),
            _ => return Err(OtherStatus(status)),
        };
        self.status = if step == Step::Cook { Status::Cook } else { Status::Cooked };
        Ok(Some(event))
    }

    /// The order, if the kitchen shows it: it has come, and was not cancelled.
    pub fn shown(&self) -> Option<&Dish> {
        self.dish.as_ref().filter(|_| self.status != Status::Cancel)
    }
}

/// The kitchen's own steps are commands: the events of others only begin an order or drop it.
impl Projection for KitchenOrder {
    type Event = OrderChange;
    type Emits = CookEvent;

    fn begin(order_id: i64, _epoch: i64) -> Self {
        Self::unknown(order_id)
    }

    fn epoch(&self) -> i64 {
        0
    }

    fn apply(&mut self, event: &OrderChange, at: Timestamp) -> Option<CookEvent> {
        match event {
            OrderChange::Ordered(Ordered { shop_id, menu_id, qty, customer, .. }) => {
                if self.dish.is_none() {
                    let customer = customer.clone().and_then(|customer| Subject::new(customer).ok());
                    self.dish = Some(Dish { menu_id: *menu_id, qty: *qty, ordered_at: at, customer });
                    self.shop_id = *shop_id;
                }
                if self.status == Status::Unknown {
                    self.status = Status::Order;
                }
            }
            // The kitchen has agreed to it before, and would decline it now if it had not.
            OrderChange::Canceled(Canceled { shop_id, .. }) => self.cancel(*shop_id).unwrap_or_default(),
        }
        None
    }
}
