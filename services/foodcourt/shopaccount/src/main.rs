//! Starts the shopaccount context.

fn main() -> std::process::ExitCode {
    context::main::<shopaccount_service::ShopViews>()
}
