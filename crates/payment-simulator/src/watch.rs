use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chassis::Host;
use tokio::time::sleep;

use crate::profile::Profile;
use crate::simulator::Simulator;

/// The interval at which the file is read.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Applies the profile in `file` whenever it changes: an edited `ConfigMap` reaches every replica.
pub(crate) fn start_watching(simulator: &Arc<Simulator>, file: PathBuf, host: &Host) {
    let (simulator, stop) = (Arc::clone(simulator), host.stopping());
    host.spawn("simulator settings", async move {
        let (mut last, mut last_fault) = (None, None);
        while !stop.is_cancelled() {
            let text = tokio::fs::read_to_string(&file).await.ok();
            if text != last {
                if let Some(profile) = apply(&simulator, &file, text.as_deref()) {
                    // The fault that the file has at the start was caused in an earlier process.
                    let is_new = last_fault.as_ref().is_some_and(|last| *last != profile.fault);
                    if let (true, Some(fault)) = (is_new, &profile.fault) {
                        fault.cause();
                    }
                    last_fault = Some(profile.fault);
                }
                last = text;
            }
            stop.run_until_cancelled(sleep(POLL_INTERVAL)).await;
        }
    });
}

fn apply(simulator: &Simulator, file: &Path, text: Option<&str>) -> Option<Profile> {
    match text.map_or(Ok(Profile::default()), Profile::parse) {
        Ok(profile) => {
            tracing::info!(settings = ?profile, "the simulated provider");
            simulator.set(profile.clone());
            Some(profile)
        }
        Err(error) => {
            tracing::warn!(file = %file.display(), error, "settings of the simulated provider are not valid");
            None
        }
    }
}
