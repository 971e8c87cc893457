//! `cargo run --release --example storagerent-simulation`: runs the storagerent fleet in simulations, with many seeds.

#[path = "../tests/simulation/oracles.rs"]
mod oracles;
#[path = "../tests/simulation/scenario.rs"]
mod scenario;
#[path = "../tests/simulation/wrong_order.rs"]
mod wrong_order;

use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    tls_provider::install();
    simulation::run_program(&scenario::SCENARIO, "storagerent-simulation")
}
