//! Starts the order context.

fn main() -> std::process::ExitCode {
    context::main::<foodcourt_order_service::Orders>()
}
