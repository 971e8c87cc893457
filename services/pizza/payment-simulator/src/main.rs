//! Starts the payment context with a simulated provider.

fn main() -> std::process::ExitCode {
    context::main::<payment::PaymentContext<pizza_payment_service::OrderPayment, payment_simulator::SimulatorSettings>>(
    )
}
