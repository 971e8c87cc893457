//! The auditor of a fleet.
//!
//! A fleet declares its contexts, tables and laws as a [`Fleet`]. [`run`] is its auditor as a program; [`Snapshot`] judges
//! what a test or a simulation has read. The laws that hold for every fleet are in [`laws`].
//!
//! The auditor is an independent oracle: it uses the contracts of the services and none of their code, besides the reader of
//! broker records. Rows and events are maps of names to values, so a law names a column or a field where it compares it.
//!
//! | file | content |
//! |---|---|
//! | `fleet.rs`, `context.rs`, `law.rs` | the declaration of a fleet, its contexts and its laws |
//! | `fields.rs`, `case.rs` | what a law reads: values by name, one case at a time |
//! | `stores.rs`, `journal.rs`, `client_history.rs` | the stores, the topics, the operations of clients |
//! | `snapshot.rs`, `laws.rs`, `report.rs` | the check of all laws, and its result |
//! | `args.rs`, `run.rs` | the program |

mod args;
mod case;
mod client_history;
mod context;
mod fields;
mod fleet;
mod journal;
mod law;
pub mod laws;
mod report;
mod run;
mod snapshot;
mod stores;

pub use args::{Args, ArgsError};
pub use case::{Case, CaseEvent};
pub use client_history::{ClientHistoryError, Operation};
pub use context::{Context, EventKind, ImpliedEvent, OperationKind, Table};
pub use fields::Fields;
pub use fleet::Fleet;
pub use journal::{Event, Journal, JournalError, Repeat, Unreadable};
pub use law::Law;
pub use report::{Report, SHOWN, Verdict, Violation};
pub use run::run;
pub use serde_json::{Value, json};
pub use snapshot::Snapshot;
pub use stores::{StoreError, Stores, Waiting};
