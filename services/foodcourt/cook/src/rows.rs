use ambient::{Subject, Timestamp};
use cook_domain::{Dish, KitchenOrder, Status};
use store::Row;
use store::sqlx::Error;

/// A row of `cooks`.
#[derive(Debug, Row)]
#[row(table = "cooks", key = "order_id", owner = "customer", tenant = "shop_id", state = "KitchenOrder")]
pub struct CookRow {
    order_id: i64,
    shop_id: i64,
    menu_id: Option<i64>,
    qty: Option<i64>,
    ordered_at: Option<Timestamp>,
    status: String,
    customer: Option<Subject>,
}

impl From<KitchenOrder> for CookRow {
    fn from(order: KitchenOrder) -> Self {
        let KitchenOrder { order_id, dish, shop_id, status } = order;
        let (menu_id, qty, ordered_at, customer) = match dish {
            Some(Dish { menu_id, qty, ordered_at, customer }) => (Some(menu_id), Some(qty), Some(ordered_at), customer),
            None => (None, None, None, None),
        };
        Self { order_id, shop_id, menu_id, qty, ordered_at, status: status.name().to_owned(), customer }
    }
}

impl TryFrom<CookRow> for KitchenOrder {
    type Error = Error;

    fn try_from(row: CookRow) -> Result<Self, Error> {
        let CookRow { order_id, shop_id, menu_id, qty, ordered_at, status, customer } = row;
        let unknown = || Error::Decode(format!("{status:?} is no status of an order").into());
        let status = Status::named(&status).ok_or_else(unknown)?;
        let dish = match (menu_id, qty, ordered_at) {
            (Some(menu_id), Some(qty), Some(ordered_at)) => Some(Dish { menu_id, qty, ordered_at, customer }),
            _ => None,
        };
        Ok(Self { order_id, dish, shop_id, status })
    }
}
