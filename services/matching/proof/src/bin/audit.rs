//! `matching-audit`: checks a matching fleet against its laws.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tls_provider::install();
    audit::run(&matching_proof::FLEET, "matching-audit").await
}
