//! Starts the payment context.

fn main() -> std::process::ExitCode {
    context::main::<storagerent_payment_service::Payments>()
}
