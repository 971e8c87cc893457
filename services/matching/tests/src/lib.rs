//! The hard cases of the matching fleet, on real processes: see `fleet/main.rs`. They share the operations of students and
//! tutors, and the check of all laws at the end.

pub mod grpc;
pub mod hostile;
mod load;
mod people;
mod soundness;

pub use load::{Load, established, request_all};
pub use people::{DATE, PRICE, People, TEACHER};
pub use soundness::{Outcome, Outcomes, is_sound};

pub use testkit::{LATER, SOON};
