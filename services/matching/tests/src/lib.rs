//! The hard cases of the matching fleet, on real processes: see `fleet/main.rs`. Here is what they share: what people do,
//! how the payment provider behaves, and what must hold when all is over.

mod audit;
mod forged;
pub mod grpc;
mod load;
mod people;
mod provider;

pub use audit::{Audit, Outcome};
pub use forged::Forger;
pub use load::{Load, Told, request_all};
pub use people::{DATE, PRICE, People, TEACHER};
pub use provider::Provider;

use std::time::Duration;

/// For whatever should take a moment: generous, as the machine may be building something else.
pub const SOON: Duration = Duration::from_secs(30);

/// For whatever waits until a broker gives a dead consumer's work to another.
pub const LATER: Duration = Duration::from_secs(90);
