use std::path::PathBuf;
use std::sync::Arc;

use chassis::Host;
use payment::{Provider, ProviderSettings};

use crate::simulator::Simulator;
use crate::watch::start_watching;

/// The settings of a simulated provider.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct SimulatorSettings {
    /// Settings of the simulated provider, read again when the file changes; without it, it approves at once.
    ///
    /// JSON, all fields optional: {"delayMs": 400, "jitterMs": 300, "declineRate": 0.1, "failureRate": 0.05,
    /// "fault": {"kind": "stuck", "number": 1}}, or "outOfMemory": once, for the processes that run when it is written, or for
    /// the one that "host" names.
    #[arg(long, env = "PAYMENT_SIMULATOR_FILE")]
    pub payment_simulator_file: Option<PathBuf>,
}

impl ProviderSettings for SimulatorSettings {
    fn provider(&self, host: &Host) -> anyhow::Result<Arc<dyn Provider>> {
        let simulator = Arc::new(Simulator::new(host.ids()));
        if let Some(file) = &self.payment_simulator_file {
            start_watching(&simulator, file.clone(), host);
        }
        Ok(simulator)
    }
}
