//! Starts the cleanassign context.

fn main() -> std::process::ExitCode {
    context::main::<cleanassign_service::CleanAssigns>()
}
