//! Starts the order context.

fn main() -> std::process::ExitCode {
    context::main::<pizza_order_service::Orders>()
}
