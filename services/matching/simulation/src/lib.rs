//! The matching fleet in one process, on simulated time, network, broker and stores.
//!
//! Its services run as they are; `crates/simulation` is what lies around them. Students and tutors come and go while
//! parts fail; then all is calm, and the auditor's laws must hold. A seed repeats a run exactly.
//!
//! | file | what |
//! |---|---|
//! | `fleet.rs` | the processes, with simulated edges in their settings |
//! | `provider.rs` | who really takes the money |
//! | `people.rs` | what students and tutors do |
//! | `weather.rs` | what goes wrong |
//! | `books.rs` | laws about what only a simulation sees |
//! | `run.rs` | one run, from its seed to its verdict |
//! | `hunt.rs` | many runs |

mod books;
mod fleet;
mod hunt;
mod people;
mod provider;
mod run;
mod weather;

pub use hunt::{Found, hunt};
pub use run::{Broken, Outcome, run};
