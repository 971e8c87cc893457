//! Starts the storage context.

fn main() -> std::process::ExitCode {
    context::main::<storage_service::Storages>()
}
