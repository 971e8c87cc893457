//! Starts the visit context.

fn main() -> std::process::ExitCode {
    context::main::<visit_service::Visits>()
}
