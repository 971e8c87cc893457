//! The generic payment context: it takes the price of something that a fleet sells, and pays it back.
//!
//! A fleet implements [`Payable`]: what is paid, the events, and the events that cancel a payment. `services/*/payment` has
//! nothing else.
//!
//! | file | content |
//! |---|---|
//! | `rules.rs` | the rules, as pure functions: approve, cancel |
//! | `payable.rs` | what a fleet adds |
//! | `provider.rs` | the port to the payment provider |
//! | `row.rs`, `store.rs` | the table `payments`; state, events and refunds in one transaction |
//! | `refund.rs` | the effect that makes the provider pay back |
//! | `use_cases.rs` | approve and cancel |
//! | `cancellations.rs` | inbound: the events that cancel a payment |
//! | `http.rs`, `document.rs` | inbound: REST, with its `OpenAPI` document |
//! | `process.rs` | the process |

mod cancellations;
mod document;
mod http;
mod payable;
mod process;
mod provider;
mod refund;
mod row;
pub mod rules;
mod store;
mod use_cases;

pub use cancellations::Cancellations;
pub use document::PaymentDocument;
pub use http::PaymentState;
pub use payable::{NoDetails, Payable};
pub use process::PaymentContext;
pub use provider::{ChargeError, NoProvider, Provider, ProviderSettings};
pub use refund::{Refund, start_refunds};
pub use row::PaymentRow;
pub use rules::{ApproveError, Bill, EarlierAttemptApproved, Payment, State};
pub use store::PaymentStore;
pub use use_cases::{ApprovalOutcome, UseCases};
