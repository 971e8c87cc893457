//! `cargo run --release --example foodcourt-simulation`: runs the foodcourt fleet in simulations, with many seeds.

#[path = "../tests/simulation/forgetful.rs"]
mod forgetful;
#[path = "../tests/simulation/scenario.rs"]
mod scenario;

use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    tls_provider::install();
    simulation::run_program(&scenario::SCENARIO, "foodcourt-simulation")
}
