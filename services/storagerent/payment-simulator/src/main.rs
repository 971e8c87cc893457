//! Starts the payment context with a simulated provider.

fn main() -> std::process::ExitCode {
    context::main::<
        payment::PaymentContext<storagerent_payment_service::ReservationPayment, payment_simulator::SimulatorSettings>,
    >()
}
