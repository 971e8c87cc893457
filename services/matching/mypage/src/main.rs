//! Starts the mypage context.

fn main() -> std::process::ExitCode {
    context::main::<mypage_service::MyPages>()
}
