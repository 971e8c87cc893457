//! The proof of the cleanmall fleet: its laws, and the actors under which they must hold.
//!
//! The laws are an independent oracle: they share the contracts with the services and none of their code, and are written
//! from the description of the fleet. Chaos and simulation have the same actors. The simulation has the contexts in Rust alone:
//! customer is a process of its own language, and is audited where it runs.
//!
//! | file | content |
//! |---|---|
//! | `declared.rs` | the tables, the events and the operations |
//! | `laws.rs` | all laws, one line each |
//! | `laws/calls.rs` | a call, its management, its assignment and its messages agree; responses are true |
//! | `laws/cleaners.rs` | a cleaner has one call at a time |
//! | `actors.rs` | a customer, and the operator who reports finished work |
//! | `bin` | the auditor and the chaos run; the simulation is in `tests`, as it needs the services |

mod actors;
mod declared;
mod laws;

use audit::{Context, Fleet, OperationKind};
use cleanassign_contract::CleanAssignEvent;
use cleancall_contract::CleanCallEvent;
use cleanmanage_contract::CleanManageEvent;

pub use actors::{CALL_AGAIN, call};
pub use declared::{
    ASSIGNED, ASSIGNMENTS, CALL, CALLS, CANCEL, CLEANERS, ENDED, FINISH, FINISHED, MANAGEMENTS, MESSAGES, STEPS,
};

const CLEANCALL: Context = Context::publishing::<CleanCallEvent>(&[CALLS]);
const CLEANMANAGE: Context = Context::publishing::<CleanManageEvent>(&[MANAGEMENTS]);
const CLEANASSIGN: Context = Context::publishing::<CleanAssignEvent>(&[ASSIGNMENTS, CLEANERS]);

const OPERATIONS: &[OperationKind] = &[
    OperationKind { name: CALL, fields: &["location"] },
    OperationKind { name: CANCEL, fields: &[] },
    OperationKind { name: FINISH, fields: &[] },
];

/// The declaration of the fleet.
pub static FLEET: Fleet = Fleet {
    contexts: &[CLEANCALL, CLEANMANAGE, CLEANASSIGN, Context::new("customer", &[STEPS, MESSAGES])],
    operations: OPERATIONS,
    references: &["cleanerId"],
    laws: laws::WITH_MESSAGES,
};

/// The same without the context customer, for the simulation.
pub static FLEET_IN_RUST: Fleet = Fleet {
    contexts: &[CLEANCALL, CLEANMANAGE, CLEANASSIGN],
    operations: OPERATIONS,
    references: &["cleanerId"],
    laws: laws::LAWS,
};
