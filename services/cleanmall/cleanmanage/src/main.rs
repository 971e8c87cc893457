//! Starts the cleanmanage context.

fn main() -> std::process::ExitCode {
    context::main::<cleanmanage_service::CleanManages>()
}
