//! Starts the reservation context.

fn main() -> std::process::ExitCode {
    context::main::<reservation_service::Reservations>()
}
