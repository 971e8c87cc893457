use ambient::{Positive, Subject, Timestamp};
use cook_contract::{CookStarted, Cooked};
use events::{Aggregate, Inbound, Names, Never};
use foodcourt_order_contract::Ordered;
use thiserror::Error;

/// The status of an order that is cancelled. The others are those of [`Progress`].
pub const CANCEL: &str = "cancel";

/// What is ordered, and by whom. It never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The shop.
    pub shop_id: Positive,
    /// The dish, in the menu of the shop.
    pub menu_id: Positive,
    /// How many of it.
    pub qty: Quantity,
    /// The price of one, at the time of the order.
    pub price: Positive,
    /// The customer. `None`: authentication was disabled.
    pub customer: Option<Subject>,
    /// When it was ordered.
    pub ordered_at: Timestamp,
}

/// How far the kitchen is with an order. It goes forward only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Names)]
pub enum Progress {
    /// It is ordered.
    Order,
    /// The kitchen has taken it.
    Cook,
    /// It is finished.
    Cooked,
}

/// The number of dishes of an order: 1 to 99.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantity(i64);

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The order.
    pub id: Positive,
    /// What is ordered.
    pub placement: Placement,
    /// How far the kitchen is.
    pub progress: Progress,
    /// Whether it is cancelled.
    pub cancelled: Cancelled,
}

/// Whether an order is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// No cancellation was requested, or the kitchen has declined it.
    No,
    /// A cancellation was requested, and the kitchen has not decided yet.
    Undecided,
    /// The kitchen has agreed.
    Yes,
}

/// What a customer orders, under any id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The shop.
    pub shop_id: Positive,
    /// The dish, in the menu of the shop.
    pub menu_id: Positive,
    /// How many of it.
    pub qty: Quantity,
    /// The price of one that the customer expects, if any.
    pub price: Option<Positive>,
    /// The customer. `None`: authentication is disabled.
    pub customer: Option<Subject>,
}

/// The customer expects another price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the price is {price}, and {expected} was expected")]
pub struct OtherPrice {
    /// The price of the dish.
    pub price: i64,
    /// The price that the customer expects.
    pub expected: i64,
}

/// The part of an order that events change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CookedOrder {
    /// The order.
    pub order_id: i64,
    /// How far the kitchen is.
    pub progress: Progress,
}

/// The id of a request stands for another order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupied {
    /// Of the same customer, with other contents.
    Different,
    /// Of another customer.
    Taken,
}

/// An event that moves an order forward.
#[derive(Debug, Clone, PartialEq, Eq, Inbound)]
pub enum StepEvent {
    /// The kitchen has taken it.
    CookStarted(CookStarted),
    /// It is finished.
    Cooked(Cooked),
}

impl Quantity {
    /// The largest quantity.
    pub const MAX: i64 = 99;

    /// One.
    pub const ONE: Self = Self(1);

    /// The quantity of this number. `None`: it is out of range.
    pub fn new(number: i64) -> Option<Self> {
        (1..=Self::MAX).contains(&number).then_some(Self(number))
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl Request {
    /// What is ordered of a dish with this price.
    pub fn at(&self, price: Positive, ordered_at: Timestamp) -> Result<Placement, OtherPrice> {
        if let Some(expected) = self.price.filter(|expected| *expected != price) {
            return Err(OtherPrice { price: price.get(), expected: expected.get() });
        }
        let Self { shop_id, menu_id, qty, customer, .. } = self.clone();
        Ok(Placement { shop_id, menu_id, qty, price, customer, ordered_at })
    }

    /// The same request again, under the id of a known order. A request without a price expects that of the dish at its
    /// time.
    pub fn again(&self, known: Order) -> Result<Order, Occupied> {
        let Placement { shop_id, menu_id, qty, price, customer, .. } = &known.placement;
        // Without authentication every client may see every order.
        if self.customer.is_some() && self.customer != *customer {
            return Err(Occupied::Taken);
        }
        let is_same = (self.shop_id, self.menu_id, self.qty) == (*shop_id, *menu_id, *qty)
            && self.price.is_none_or(|expected| expected == *price);
        if is_same { Ok(known) } else { Err(Occupied::Different) }
    }
}

impl Placement {
    /// What the customer pays.
    pub const fn amount(&self) -> i64 {
        self.price.get().saturating_mul(self.qty.get())
    }
}

impl Order {
    /// A new order.
    pub const fn new(id: Positive, placement: Placement) -> Self {
        Self { id, placement, progress: Progress::Order, cancelled: Cancelled::No }
    }

    /// The event of a new order.
    pub fn ordered(&self) -> Ordered {
        let Placement { shop_id, menu_id, qty, price, customer, .. } = &self.placement;
        Ordered {
            order_id: self.id.get(),
            shop_id: shop_id.get(),
            menu_id: menu_id.get(),
            qty: qty.get(),
            price: price.get(),
            customer: customer.as_ref().map(|customer| customer.as_str().to_owned()),
        }
    }

    /// The name of the status.
    pub fn status(&self) -> &'static str {
        if self.cancelled == Cancelled::Yes { CANCEL } else { self.progress.name() }
    }
}

/// Events come in any order: the furthest step counts.
impl Aggregate for CookedOrder {
    type Event = StepEvent;
    type Emits = Never;

    fn epoch(&self) -> i64 {
        0
    }

    fn apply(&mut self, event: &StepEvent, _at: Timestamp) -> Option<Never> {
        let step = match event {
            StepEvent::CookStarted(_) => Progress::Cook,
            StepEvent::Cooked(_) => Progress::Cooked,
        };
        self.progress = self.progress.max(step);
        None
    }
}
