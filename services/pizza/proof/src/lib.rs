//! The proof of the pizza fleet: its laws, and the actors under which they must hold.
//!
//! The laws are an independent oracle: they share the contracts with the services and none of their code, and are written
//! from the description of the fleet. Chaos and simulation have the same actors.
//!
//! | file | content |
//! |---|---|
//! | `declared.rs` | the tables, the events and the operations |
//! | `laws.rs` | all laws, one line each |
//! | `laws/agreement.rs` | order, payment, delivery, refund and coupon agree; responses are true |
//! | `laws/topics.rs` | topics have the events that the states imply |
//! | `laws/folds.rs` | what is derived from events is what the topics give |
//! | `actors.rs` | a customer and the courier of the order |
//! | `bin` | the auditor and the chaos run; the simulation is in `tests`, as it needs the services |

mod actors;
mod declared;
mod laws;

use audit::{Context, Fleet, OperationKind};
use coupon_contract::CouponEvent;
use delivery_contract::DeliveryEvent;
use pizza_order_contract::OrderEvent;
use pizza_payment_contract::PaymentEvent;
use refund_contract::RefundEvent;

pub use actors::{ORDER_AGAIN, order};
pub use declared::{
    CANCEL, COUPONS, DELIVER, DELIVERIES, ORDER, ORDERS, PAYMENTS, REFUND, REFUNDS, REFUNDS_DUE, STATUS_VIEWS,
};

/// The declaration of the fleet.
pub static FLEET: Fleet = Fleet {
    contexts: &[
        Context::publishing::<OrderEvent>(&[ORDERS]),
        Context::publishing::<PaymentEvent>(&[PAYMENTS, REFUNDS_DUE]),
        Context::publishing::<DeliveryEvent>(&[DELIVERIES]),
        Context::new("statusview", &[STATUS_VIEWS]),
        Context::publishing::<CouponEvent>(&[COUPONS]),
        Context::publishing::<RefundEvent>(&[REFUNDS]),
    ],
    operations: &[
        OperationKind { name: ORDER, fields: &["pizzaId", "qty"] },
        OperationKind { name: CANCEL, fields: &[] },
        OperationKind { name: DELIVER, fields: &[] },
        OperationKind { name: REFUND, fields: &[] },
    ],
    references: &[],
    laws: laws::LAWS,
};
