//! Starts the match context.

use std::process::ExitCode;

fn main() -> ExitCode {
    let config: match_service::Config = chassis::settings();
    chassis::run("match", config.chassis.clone(), async |host| match_service::build(config, host).await)
}
