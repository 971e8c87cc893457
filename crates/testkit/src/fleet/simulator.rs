//! The simulated external system of a context.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::fleet::fixture::Fleet;
use crate::observe::eventually;

/// Time limit for a context to read changed settings; generous, because the machine may be building.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// What the context logs then.
const READ: &str = "the simulated provider settings";

/// The simulated external system of a context, such as the bank behind it. A test changes its settings while it runs.
pub struct Simulator {
    context: String,
    file: PathBuf,
}

impl Simulator {
    /// Makes the context follow a settings file from its next start on.
    pub fn of(fleet: &mut Fleet, context: &str) -> Result<Self> {
        let file = fleet.path(&format!("{context}-simulator.json"));
        let variable = format!("{}_SIMULATOR_FILE", context.to_ascii_uppercase().replace('-', "_"));
        fleet.set(context, &variable, file.display().to_string())?;
        Ok(Self { context: context.to_owned(), file })
    }

    /// Changes the settings, and waits until the context has read them.
    pub async fn becomes(&self, fleet: &Fleet, settings: &Value) -> Result<()> {
        let times_read = || Ok::<_, anyhow::Error>(fleet.log(&self.context)?.matches(READ).count());
        let before = times_read()?;
        // In one step: the context may read the file at any time.
        let next = self.file.with_extension("next");
        fs::write(&next, settings.to_string())?;
        fs::rename(next, &self.file)?;
        eventually(READ_TIMEOUT, "the context reads the settings", async || {
            ensure!(times_read()? > before, "not read: {settings}");
            Ok(())
        })
        .await
    }

    /// Makes every call take this many milliseconds.
    pub async fn takes(&self, fleet: &Fleet, milliseconds: u32) -> Result<()> {
        self.becomes(fleet, &json!({ "delayMs": milliseconds })).await
    }

    /// Approves every call at once, as without settings.
    pub async fn approves_at_once(&self, fleet: &Fleet) -> Result<()> {
        self.becomes(fleet, &json!({})).await
    }
}
