//! `pizza-audit`: checks a pizza fleet against its laws.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tls_provider::install();
    audit::run(&pizza_proof::FLEET, "pizza-audit").await
}
