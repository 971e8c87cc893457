//! `matching-simulation`: runs the matching fleet in simulations, with many seeds.

use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    tls_provider::install();
    simulation::run_program(&matching_simulation::SCENARIO, "matching-simulation")
}
