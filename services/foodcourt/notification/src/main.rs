//! Starts the notification context.

fn main() -> std::process::ExitCode {
    context::main::<notification_service::Alarms>()
}
