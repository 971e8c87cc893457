//! Starts the payment context.

fn main() -> std::process::ExitCode {
    context::main::<pizza_payment_service::Payments>()
}
