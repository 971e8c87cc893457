//! Starts the payment context.

fn main() -> std::process::ExitCode {
    context::main::<payment_service::Payments>()
}
