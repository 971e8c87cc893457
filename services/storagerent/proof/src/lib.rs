//! The proof of the storagerent fleet: its laws, and the actors under which they must hold.
//!
//! The laws are an independent oracle: they share the contracts with the services and none of their code, and are written
//! from the description of the fleet. Chaos and simulation have the same actors.
//!
//! | file | content |
//! |---|---|
//! | `declared.rs` | the tables, the events and the operations |
//! | `laws.rs` | all laws, one line each |
//! | `laws/reservations.rs` | a reservation, its hold, its payment and its messages agree; responses are true |
//! | `laws/rooms.rs` | a room, its holds, its reviews and its page agree |
//! | `actors.rs` | a manager of a room, and the customers that compete for it |
//! | `bin` | the auditor and the chaos run; the simulation is in `tests`, as it needs the services |

mod actors;
mod declared;
mod laws;

use audit::{Context, Fleet, OperationKind};
use reservation_contract::ReservationEvent;
use storage_contract::StorageEvent;
use storagerent_payment_contract::PaymentEvent;

pub use actors::{RESERVE_AGAIN, room};
pub use declared::{
    CANCEL, HOLDS, MESSAGES, PAGES, PAYMENT_APPROVED, PAYMENT_CANCELLED, PAYMENTS, REFUNDS_DUE, RESERVATIONS, RESERVE,
    REVIEW, REVIEWS, STORAGES,
};

/// The declaration of the fleet.
pub static FLEET: Fleet = Fleet {
    contexts: &[
        Context::publishing::<StorageEvent>(&[STORAGES, HOLDS, REVIEWS]),
        Context::publishing::<ReservationEvent>(&[RESERVATIONS]),
        Context::publishing::<PaymentEvent>(&[PAYMENTS, REFUNDS_DUE]),
        Context::new("message", &[MESSAGES]),
        Context::new("viewpage", &[PAGES]),
    ],
    operations: &[
        OperationKind { name: RESERVE, fields: &["storageId"] },
        OperationKind { name: CANCEL, fields: &[] },
        OperationKind { name: REVIEW, fields: &[] },
    ],
    references: &["storageId"],
    laws: laws::LAWS,
};
