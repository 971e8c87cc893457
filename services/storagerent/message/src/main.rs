//! Starts the message context.

fn main() -> std::process::ExitCode {
    context::main::<message_service::Messages>()
}
