//! Starts the mypage context.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let config = mypage_service::Config::parse();
    chassis::run("mypage", config.chassis.clone(), async |host| mypage_service::build(config, host).await)
}
