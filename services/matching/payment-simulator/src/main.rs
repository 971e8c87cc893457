//! Starts the payment context with a simulated provider.

fn main() -> std::process::ExitCode {
    context::main::<payment::PaymentContext<payment_service::MatchPayment, payment_simulator::SimulatorSettings>>()
}
