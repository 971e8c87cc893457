//! The matching fleet in one process, on simulated time, network, broker and stores: see `crates/simulation`.
//!
//! | file | content |
//! |---|---|
//! | `fleet.rs` | the processes, with simulated edges in their settings, and the rules that can be broken on purpose |
//! | `workload.rs` | the requests of students and tutors |
//! | `oracles.rs` | laws about facts that only a simulation can observe |

mod fleet;
mod oracles;
mod workload;

pub use fleet::SCENARIO;
