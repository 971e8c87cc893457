//! Starts the refund context.

fn main() -> std::process::ExitCode {
    context::main::<refund_service::Refunds>()
}
