//! `cleanmall-audit`: checks a cleanmall fleet against its laws.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tls_provider::install();
    audit::run(&cleanmall_proof::FLEET, "cleanmall-audit").await
}
