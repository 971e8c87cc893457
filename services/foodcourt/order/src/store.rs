use std::sync::Arc;
use std::time::Duration;

use ambient::{Clock, Ids, Positive};
use chassis::Scope;
use context::{Parts, Repository};
use events::TraceContext;
use foodcourt_order_contract::OrderEvent;
use foodcourt_order_domain::{Occupied, Order, OtherPrice, Placement, Request};
use messaging::{Argument, Outbox, StagedEvents};
use store::sqlx::{Error, query};
use store::{Store, is_transient};
use tokio::time::{Instant, sleep};

use crate::rows::{DishRow, OrderRow};

/// The counter of orders.
pub(crate) const ORDERED_TOTAL: &str = "orders_placed_total";

/// How long the outcome of an order is looked for while the store fails, and the interval.
const RESOLVE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_millis(20));

/// Stores menus, and orders with their events in the same statement.
#[derive(Clone)]
pub struct OrderStore {
    /// The orders.
    pub orders: Repository<OrderRow>,
    /// The menus.
    pub menus: Repository<DishRow>,
    store: Store,
    outbox: Outbox,
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
}

/// Why an order is not placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPlaced {
    /// The shop has no such dish.
    UnknownDish,
    /// The dish has another price.
    OtherPrice(OtherPrice),
    /// The id stands for another order.
    Occupied(Occupied),
    /// The store has failed: whether it is placed under this id is not known.
    Undecided(Positive),
}

impl OrderStore {
    /// Of a starting process.
    pub fn new<S>(parts: &Parts<S>) -> Self {
        let (store, outbox) = (parts.store.clone(), parts.messaging.outbox());
        let (clock, ids) = (parts.host.clock(), parts.host.ids());
        Self { orders: parts.repository(), menus: parts.repository(), store, outbox, clock, ids }
    }

    /// Places an order under the id that the client has chosen, or under one that is drawn. Returns it, and whether it had
    /// been there before.
    pub async fn place(
        &self,
        chosen: Option<Positive>,
        request: &Request,
        trace: TraceContext,
    ) -> Result<Result<(Order, bool), NotPlaced>, Error> {
        loop {
            let known = match chosen {
                Some(id) => self.orders.find(&id.get(), &Scope::All).await?,
                None => None,
            };
            if let Some(known) = known {
                return Ok(request.again(known).map(|known| (known, true)).map_err(NotPlaced::Occupied));
            }
            let dish = self.menus.find(&dish(request.shop_id, request.menu_id), &Scope::All).await?;
            let Some(dish) = dish else { return Ok(Err(NotPlaced::UnknownDish)) };
            let placement = match request.at(dish.price, self.clock.now()) {
                Ok(placement) => placement,
                Err(other) => return Ok(Err(NotPlaced::OtherPrice(other))),
            };
            let id = chosen.map_or_else(|| Positive::new(self.ids.number()), Ok);
            let order = Order::new(id.map_err(|error| Error::Decode(error.into()))?, placement);
            match self.insert(&order, trace).await {
                Some(true) => return Ok(Ok((order, false))),
                Some(false) => {}
                None => return Ok(Err(NotPlaced::Undecided(order.id))),
            }
        }
    }

    /// Inserts an order. `false`: its id is in use, or the dish is gone or has another price now. If the store fails, its
    /// commit may have succeeded: the customer must not be answered that there is no order while there is one. So the same is
    /// repeated. `None`: the store fails for long.
    async fn insert(&self, order: &Order, trace: TraceContext) -> Option<bool> {
        let (limit, interval) = RESOLVE;
        let (deadline, mut is_repeated) = (Instant::now() + limit, false);
        loop {
            let inserted = match self.try_insert(order, trace).await {
                // An earlier try has had its effect, or the id is in use.
                Ok(false) if is_repeated => {
                    let known = self.orders.find(&order.id.get(), &Scope::All).await;
                    known.map(|known| known.is_some_and(|known| known.placement == order.placement))
                }
                inserted => inserted,
            };
            match inserted {
                Ok(inserted) => return Some(inserted),
                Err(error) if is_transient(&error) && Instant::now() < deadline => is_repeated = true,
                Err(error) => {
                    tracing::warn!(order = order.id.get(), %error, "the store failed while an order was stored");
                    return None;
                }
            }
            sleep(interval).await;
        }
    }

    async fn try_insert(&self, order: &Order, trace: TraceContext) -> Result<bool, Error> {
        let sql = "INSERT INTO orders (order_id, shop_id, menu_id, qty, price, amount, ordered_at, customer) \
                   SELECT $1, $2, $3, $4, $5, $6, $7, $8 FROM menus \
                   WHERE menus.shop_id = $2 AND menus.menu_id = $3 AND menus.price = $5 \
                   ON CONFLICT (order_id) DO NOTHING";
        let mut staged = StagedEvents::default();
        staged.count(ORDERED_TOTAL, 1);
        self.outbox.stage(&mut staged, &OrderEvent::from(order.ordered()), Some(trace))?;
        let Placement { shop_id, menu_id, qty, price, customer, ordered_at } = &order.placement;
        let (amount, ordered_at) = (order.placement.amount(), ordered_at.as_micros());
        let numbers = [order.id.get(), shop_id.get(), menu_id.get(), qty.get(), price.get(), amount, ordered_at];
        let mut arguments = numbers.map(Argument::Number).to_vec();
        arguments.push(Argument::OptionalText(customer.as_deref()));
        self.outbox.execute_and_publish(sql, &arguments, staged).await
    }

    /// Puts a dish on the menu of its shop, or changes it. Returns whether it is new.
    pub async fn put_dish(&self, row: &DishRow) -> Result<bool, Error> {
        let update = "UPDATE menus SET name = $1, price = $2 WHERE dish = $3";
        let insert = "INSERT INTO menus (name, price, dish, shop_id, menu_id) VALUES ($1, $2, $3, $4, $5) \
                      ON CONFLICT (dish) DO UPDATE SET name = excluded.name, price = excluded.price";
        let changed = query(update).bind(&row.name).bind(row.price.get()).bind(&row.dish);
        if changed.execute(self.store.writer()).await?.rows_affected() > 0 {
            return Ok(false);
        }
        let inserted = query(insert).bind(&row.name).bind(row.price.get()).bind(&row.dish);
        inserted.bind(row.shop_id).bind(row.menu_id).execute(self.store.writer()).await?;
        Ok(true)
    }

    /// Takes a dish from the menu of its shop. `false`: there is none.
    pub async fn delete_dish(&self, dish: &str) -> Result<bool, Error> {
        let deleted = query("DELETE FROM menus WHERE dish = $1").bind(dish);
        Ok(deleted.execute(self.store.writer()).await?.rows_affected() > 0)
    }
}

/// The key of a dish.
pub(crate) fn dish(shop_id: Positive, menu_id: Positive) -> String {
    format!("{}/{}", shop_id.get(), menu_id.get())
}
