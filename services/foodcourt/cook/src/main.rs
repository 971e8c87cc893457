//! Starts the cook context.

fn main() -> std::process::ExitCode {
    context::main::<cook_service::Cooks>()
}
