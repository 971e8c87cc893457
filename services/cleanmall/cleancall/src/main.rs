//! Starts the cleancall context.

fn main() -> std::process::ExitCode {
    context::main::<cleancall_service::CleanCalls>()
}
