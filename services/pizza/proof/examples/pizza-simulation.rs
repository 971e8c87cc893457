//! `cargo run --release --example pizza-simulation`: runs the pizza fleet in simulations, with many seeds.

#[path = "../tests/simulation/number_ignored.rs"]
mod number_ignored;
#[path = "../tests/simulation/scenario.rs"]
mod scenario;

use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    tls_provider::install();
    simulation::run_program(&scenario::SCENARIO, "pizza-simulation")
}
