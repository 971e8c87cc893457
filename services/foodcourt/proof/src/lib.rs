//! The proof of the foodcourt fleet: its laws, and the actors under which they must hold.
//!
//! The laws are an independent oracle: they share the contracts with the services and none of their code, and are written
//! from the description of the fleet. Chaos and simulation have the same actors.
//!
//! | file | content |
//! |---|---|
//! | `declared.rs` | the tables, the events and the operations |
//! | `laws.rs` | all laws, one line each |
//! | `laws/orders.rs` | an order, its cancellation and its kitchen agree; responses are true |
//! | `laws/views.rs` | the board and the accounts of the shops |
//! | `actors.rs` | a customer, and the kitchen that competes with the cancellation |
//! | `bin` | the auditor and the chaos run; the simulation is in `tests`, as it needs the services |

mod actors;
mod declared;
mod laws;

use audit::{Context, Fleet, OperationKind};
use cook_contract::CookEvent;
use foodcourt_order_contract::OrderEvent;

pub use actors::{ORDER_AGAIN, customer};
pub use declared::{ALARMS, CANCEL, CANCELLATIONS, COOKS, FINISH, ORDER, ORDERS, TAKE, VIEWS};

/// The declaration of the fleet. The menus are not among the tables: topics and cases know nothing of them.
pub static FLEET: Fleet = Fleet {
    contexts: &[
        Context::publishing::<OrderEvent>(&[ORDERS, CANCELLATIONS]),
        Context::publishing::<CookEvent>(&[COOKS]),
        Context::new("notification", &[ALARMS]),
        Context::new("shopaccount", &[VIEWS]),
    ],
    operations: &[
        OperationKind { name: ORDER, fields: &["shopId", "menuId", "qty", "price"] },
        OperationKind { name: CANCEL, fields: &[] },
        OperationKind { name: TAKE, fields: &[] },
        OperationKind { name: FINISH, fields: &[] },
    ],
    references: &[],
    laws: laws::LAWS,
};
