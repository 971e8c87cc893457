//! Starts the match context.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let config = match_service::Config::parse();
    chassis::run("match", config.chassis.clone(), async |host| match_service::build(config, host).await)
}
