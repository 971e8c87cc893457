//! Starts the visit context.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let config = visit_service::Config::parse();
    chassis::run("visit", config.chassis.clone(), async |host| visit_service::build(config, host).await)
}
