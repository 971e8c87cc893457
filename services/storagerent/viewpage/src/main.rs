//! Starts the viewpage context.

fn main() -> std::process::ExitCode {
    context::main::<viewpage_service::StorageViews>()
}
