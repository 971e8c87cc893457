//! `cargo run --release --example cleanmall-simulation`: runs the cleanmall fleet in simulations, with many seeds.

#[path = "../tests/simulation/oracles.rs"]
mod oracles;
#[path = "../tests/simulation/scenario.rs"]
mod scenario;

use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    tls_provider::install();
    simulation::run_program(&scenario::SCENARIO, "cleanmall-simulation")
}
