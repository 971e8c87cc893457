use ambient::Timestamp;
use cook_contract::{CookStarted, Cooked};
use events::{Inbound, Never, Projection};
use foodcourt_order_contract::{Canceled, Ordered};
use store::Row;

/// The states of an order, from the first to the furthest.
pub(crate) const STATUSES: [&str; 4] = ["order", "cook", "cooked", "cancel"];

/// A row of `order_views`, and the state that events are folded into.
#[derive(Debug, Clone, Default, PartialEq, Eq, Row)]
#[row(table = "order_views", key = "order_id", owner = "customer", tenant = "shop_id")]
#[expect(missing_docs, reason = "the names of the columns, which are the words of the business")]
pub struct OrderView {
    pub order_id: i64,
    pub shop_id: i64,
    pub menu_id: Option<i64>,
    pub qty: Option<i64>,
    pub price: Option<i64>,
    pub customer: Option<String>,
    /// In microseconds; 0: it is not known yet.
    pub ordered_at: i64,
    pub cook_started_at: Option<Timestamp>,
    pub cooked_at: Option<Timestamp>,
    pub canceled_at: Option<Timestamp>,
    /// One of `STATUSES`.
    pub status: String,
    pub change_number: i64,
}

/// The events that a view shows.
#[derive(Debug, Clone, Inbound)]
#[expect(missing_docs, reason = "the names of the events")]
pub enum ViewEvent {
    Ordered(Ordered),
    Canceled(Canceled),
    CookStarted(CookStarted),
    Cooked(Cooked),
}

impl Projection for OrderView {
    type Event = ViewEvent;
    type Emits = Never;

    fn begin(order_id: i64, _epoch: i64) -> Self {
        Self { order_id, status: STATUSES[0].to_owned(), ..Self::default() }
    }

    fn epoch(&self) -> i64 {
        0
    }

    fn apply(&mut self, event: &ViewEvent, at: Timestamp) -> Option<Never> {
        match event {
            ViewEvent::Ordered(Ordered { shop_id, menu_id, qty, price, customer, .. }) => {
                (self.shop_id, self.menu_id, self.qty) = (*shop_id, Some(*menu_id), Some(*qty));
                (self.price, self.customer, self.ordered_at) = (Some(*price), customer.clone(), at.as_micros());
            }
            ViewEvent::Canceled(event) => (self.shop_id, self.canceled_at) = (event.shop_id, Some(at)),
            ViewEvent::CookStarted(event) => (self.shop_id, self.cook_started_at) = (event.shop_id, Some(at)),
            ViewEvent::Cooked(event) => (self.shop_id, self.cooked_at) = (event.shop_id, Some(at)),
        }
        self.status = self.furthest().to_owned();
        None
    }
}

impl OrderView {
    fn furthest(&self) -> &'static str {
        let [order, cook, cooked, cancel] = STATUSES;
        match (self.canceled_at, self.cooked_at, self.cook_started_at) {
            (Some(_), ..) => cancel,
            (_, Some(_), _) => cooked,
            (.., Some(_)) => cook,
            _ => order,
        }
    }

    /// The state in the order context. `None`: the order is not known yet.
    pub(crate) fn order_status(&self) -> Option<&'static str> {
        let [order, .., cancel] = STATUSES;
        self.canceled_at.map(|_| cancel).or_else(|| self.menu_id.map(|_| order))
    }

    /// The state in the kitchen. `None`: it has not taken the order.
    pub(crate) fn cook_status(&self) -> Option<&'static str> {
        let [_, cook, cooked, _] = STATUSES;
        self.cooked_at.map(|_| cooked).or_else(|| self.cook_started_at.map(|_| cook))
    }
}
