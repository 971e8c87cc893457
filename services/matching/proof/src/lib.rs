//! The proof of the matching fleet: its laws, and the actors under which they must hold.
//!
//! The laws are an independent oracle: they share the contracts with the services and none of their code, and are written
//! from the description of the fleet. Chaos and simulation have the same actors.
//!
//! | file | content |
//! |---|---|
//! | `declared.rs` | the tables, the events and the operations |
//! | `laws.rs`, `laws/state.rs` | all laws, one line each; the terms that they use |
//! | `laws/responses.rs` | responses to clients are true |
//! | `laws/money.rs` | payments and matches agree; nothing is in progress; cancellations are complete |
//! | `laws/topics.rs` | the events that the state implies, each once, in their order |
//! | `laws/views.rs` | views are what the topics give |
//! | `actors` | students, tutors and readers, and their operations with the documented responses |
//! | `bin` | the auditor and the chaos run; the simulation is in `tests`, as it needs the services |

mod actors;
mod declared;
mod laws;

use audit::{Context, Fleet, OperationKind};
use match_contract::MatchEvent;
use payment_contract::PaymentEvent;
use visit_contract::VisitEvent;

pub use actors::{REQUEST_AGAIN, reader, student, tutor};
pub use declared::{ASSIGN, CANCEL, MATCHES, PAGES, PAYMENTS, REFUNDS_DUE, REQUEST, VISITS};

/// The declaration of the fleet.
pub static FLEET: Fleet = Fleet {
    contexts: &[
        Context::publishing::<MatchEvent>(&[MATCHES]),
        Context::publishing::<PaymentEvent>(&[PAYMENTS, REFUNDS_DUE]),
        Context::publishing::<VisitEvent>(&[VISITS]),
        Context::new("mypage", &[PAGES]),
    ],
    operations: &[
        OperationKind { name: REQUEST, fields: &["price"] },
        OperationKind { name: CANCEL, fields: &[] },
        OperationKind { name: ASSIGN, fields: &[] },
    ],
    references: &[],
    laws: laws::LAWS,
};
