//! `foodcourt-audit`: checks a foodcourt fleet against its laws.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tls_provider::install();
    audit::run(&foodcourt_proof::FLEET, "foodcourt-audit").await
}
