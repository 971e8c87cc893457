use axum::extract::FromRef;
use chassis::{Host, Tenancy};
use context::Repository;
use context::saga::Requests;

use crate::rows::{DishRow, OrderRow};
use crate::saga::CancelSaga;
use crate::store::OrderStore;

/// Orders, and sees and cancels its own orders.
pub(crate) const CUSTOMER: &str = "customer";

/// Sees the orders of its own shop, and has its menu.
pub(crate) const SHOP: &str = "shop";

/// Sees all orders, and has all menus.
pub(crate) const OPERATOR: &str = "operator";

pub(crate) const TENANCY: Tenancy = Tenancy { own: CUSTOMER, member: SHOP, claim: "shopId", all: OPERATOR };

/// The state of the handlers.
#[derive(Clone)]
pub struct OrderState {
    /// Orders and menus.
    pub store: OrderStore,
    /// The cancellations.
    pub cancellations: Requests<CancelSaga>,
    /// The process.
    pub host: Host,
}

impl FromRef<OrderState> for Repository<OrderRow> {
    fn from_ref(state: &OrderState) -> Self {
        state.store.orders.clone()
    }
}

impl FromRef<OrderState> for Repository<DishRow> {
    fn from_ref(state: &OrderState) -> Self {
        state.store.menus.clone()
    }
}

impl FromRef<OrderState> for OrderStore {
    fn from_ref(state: &OrderState) -> Self {
        state.store.clone()
    }
}
