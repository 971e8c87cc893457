//! Starts the delivery context.

fn main() -> std::process::ExitCode {
    context::main::<delivery_service::Deliveries>()
}
