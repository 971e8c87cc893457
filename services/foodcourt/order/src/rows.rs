use ambient::{Positive, Subject, Timestamp};
use context::saga::{Phase, SagaTable};
use foodcourt_order_domain::{Attempt, Cancellation, Cancelled, CookedOrder, Order, Placement, Progress, Quantity};
use store::Row;
use store::sqlx::Error;

/// A dish in the menu of a shop.
#[derive(Debug, Clone, PartialEq, Eq, Row)]
#[row(table = "menus", key = "dish", tenant = "shop_id")]
pub struct DishRow {
    /// The shop and the dish, such as `1/1`.
    pub dish: String,
    /// The shop.
    pub shop_id: i64,
    /// The dish, in the menu of the shop.
    pub menu_id: i64,
    /// The name.
    pub name: String,
    /// The price.
    pub price: Positive,
}

/// A row of `orders`: the part that events change.
#[derive(Debug, Row)]
#[row(table = "orders", key = "order_id", state = "CookedOrder")]
pub struct CookedRow {
    order_id: i64,
    status: String,
}

/// A row of the view `placed_orders`: an order with its cancellation.
#[derive(Debug, Row)]
#[row(table = "placed_orders", key = "order_id", owner = "customer", tenant = "shop_id", state = "Order")]
pub struct OrderRow {
    order_id: i64,
    shop_id: Positive,
    menu_id: Positive,
    qty: i64,
    price: Positive,
    customer: Option<Subject>,
    ordered_at: Timestamp,
    status: String,
    cancellation: Option<String>,
}

/// A row of `cancellations`. The column `retry_at` belongs to the saga.
#[derive(Debug, Row)]
#[row(table = "cancellations", key = "order_id", tenant = "shop_id", state = "Cancellation")]
pub struct CancellationRow {
    order_id: i64,
    attempt: i64,
    shop_id: Positive,
    phase: String,
}

/// The columns of the saga.
pub(crate) const CANCELLATIONS: SagaTable = SagaTable { step: None, ..SagaTable::of(CancellationRow::TABLE) };

impl From<CookedOrder> for CookedRow {
    fn from(CookedOrder { order_id, progress }: CookedOrder) -> Self {
        Self { order_id, status: progress.name().to_owned() }
    }
}

impl TryFrom<CookedRow> for CookedOrder {
    type Error = Error;

    fn try_from(row: CookedRow) -> Result<Self, Error> {
        Ok(Self { order_id: row.order_id, progress: progress(&row.status)? })
    }
}

/// For the row of a view, which is only read.
impl From<Order> for OrderRow {
    fn from(order: Order) -> Self {
        let Placement { shop_id, menu_id, qty, price, customer, ordered_at } = order.placement;
        let cancellation = match order.cancelled {
            Cancelled::No => None,
            Cancelled::Undecided => Some(Phase::Pending),
            Cancelled::Yes => Some(Phase::Established),
        };
        Self {
            order_id: order.id.get(),
            shop_id,
            menu_id,
            qty: qty.get(),
            price,
            customer,
            ordered_at,
            status: order.progress.name().to_owned(),
            cancellation: cancellation.map(|phase| CANCELLATIONS.name_of(phase).to_owned()),
        }
    }
}

impl TryFrom<OrderRow> for Order {
    type Error = Error;

    fn try_from(row: OrderRow) -> Result<Self, Error> {
        let OrderRow { order_id, shop_id, menu_id, qty, price, customer, ordered_at, status, cancellation } = row;
        let qty = Quantity::new(qty).ok_or_else(|| Error::Decode(format!("{qty} is no quantity").into()))?;
        let cancelled = match cancellation.as_deref().map(phase).transpose()? {
            None | Some(Phase::Void) => Cancelled::No,
            Some(Phase::Established) => Cancelled::Yes,
            Some(Phase::Pending | Phase::Completing | Phase::Compensating) => Cancelled::Undecided,
        };
        let placement = Placement { shop_id, menu_id, qty, price, customer, ordered_at };
        Ok(Self { id: positive(order_id)?, placement, progress: progress(&status)?, cancelled })
    }
}

impl From<Cancellation> for CancellationRow {
    fn from(cancellation: Cancellation) -> Self {
        let (phase, Attempt { order_id, number, shop_id }) = match cancellation {
            Cancellation::Undecided(attempt) => (Phase::Pending, attempt),
            Cancellation::Void(attempt) => (Phase::Void, attempt),
            Cancellation::Established(attempt) => (Phase::Established, attempt),
        };
        Self { order_id: order_id.get(), attempt: number, shop_id, phase: CANCELLATIONS.name_of(phase).to_owned() }
    }
}

impl TryFrom<CancellationRow> for Cancellation {
    type Error = Error;

    fn try_from(row: CancellationRow) -> Result<Self, Error> {
        let attempt = Attempt { order_id: positive(row.order_id)?, number: row.attempt, shop_id: row.shop_id };
        Ok(match phase(&row.phase)? {
            Phase::Established => Self::Established(attempt),
            Phase::Void => Self::Void(attempt),
            Phase::Pending | Phase::Completing | Phase::Compensating => Self::Undecided(attempt),
        })
    }
}

fn positive(number: i64) -> Result<Positive, Error> {
    Positive::new(number).map_err(|error| Error::Decode(error.into()))
}

fn progress(name: &str) -> Result<Progress, Error> {
    Progress::named(name).ok_or_else(|| Error::Decode(format!("{name:?} is no status of an order").into()))
}

fn phase(name: &str) -> Result<Phase, Error> {
    CANCELLATIONS.phase_named(name).ok_or_else(|| Error::Decode(format!("{name:?} is no phase").into()))
}
