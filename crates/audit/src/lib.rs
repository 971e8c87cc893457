//! What every auditor of a fleet needs, whatever its business.
//!
//! An auditor reads what a fleet at rest has kept and said: its stores ([`Source`]) and its topics ([`Journal`]). It holds
//! them against laws. Those that hold for every fleet are in [`laws`]; those of the business live with the fleet, which
//! puts all of them into one [`Report`]. [`Args`] is what such an auditor is told on its command line.
//!
//! An auditor is an oracle: it stands on none of the code that it judges, but for what reads records from a broker.

mod args;
mod journal;
pub mod laws;
mod report;
mod stores;

pub use args::{Args, ArgsError};
pub use journal::{Event, Journal, JournalError, Repeat, Unreadable};
pub use report::{Report, SHOWN, Verdict, Violation};
pub use stores::{Source, StoreError, Waiting};
