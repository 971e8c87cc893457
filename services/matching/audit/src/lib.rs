//! The laws of the matching fleet.
//!
//! [`judge`] holds what the stores keep, what the topics have and what clients were told against each other. It does no
//! I/O: a simulation uses it as well as the auditor of real processes, `matching-audit`.
//!
//! It is an independent oracle: it shares the contracts with the services, and none of their code. Its rules are written
//! from the description of the fleet.
//!
//! | file | laws |
//! |---|---|
//! | `laws/answers.rs` | what clients were told is true |
//! | `laws/money.rs` | no unpaid match, no paid nothing; nothing undecided |
//! | `laws/cancellations.rs` | what is cancelled is cancelled everywhere |
//! | `laws/topics.rs` | the events that the state implies, each once, in their order |
//! | `laws/views.rs` | what is shown is what the topics tell |

mod laws;
mod picture;
mod said;
mod stores;
mod told;

pub use picture::{history, judge};
pub use stores::{CaseRow, MatchRow, PageRow, PaymentRow, RefundDue, Stores};
pub use told::{Asked, Told, ToldError};

/// The contexts of the fleet: each has a topic and a store.
pub const CONTEXTS: [&str; 4] = ["match", "payment", "visit", "mypage"];
