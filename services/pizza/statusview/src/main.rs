//! Starts the statusview context.

fn main() -> std::process::ExitCode {
    context::main::<statusview_service::StatusViews>()
}
