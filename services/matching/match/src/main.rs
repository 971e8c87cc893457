//! Starts the match context.

fn main() -> std::process::ExitCode {
    context::main::<match_service::Matches>()
}
