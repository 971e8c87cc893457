//! `storagerent-audit`: checks a storagerent fleet against its laws.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tls_provider::install();
    audit::run(&storagerent_proof::FLEET, "storagerent-audit").await
}
