//! Starts the payment context.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let config = payment_service::Config::parse();
    chassis::run("payment", config.chassis.clone(), async |host| payment_service::build(config, host).await)
}
