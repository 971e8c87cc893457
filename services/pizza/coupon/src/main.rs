//! Starts the coupon context.

fn main() -> std::process::ExitCode {
    context::main::<coupon_service::Coupons>()
}
