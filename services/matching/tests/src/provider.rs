use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testkit::{Fleet, eventually};

use crate::SOON;

/// The simulated provider of payments behind the payment service.
pub struct Provider {
    file: PathBuf,
}

impl Provider {
    /// Has payment follow a settings file from its next start on.
    pub fn of(fleet: &mut Fleet) -> Result<Self> {
        let file = fleet.path("simulator.json");
        fleet.set("payment", "PAYMENT_SIMULATOR_FILE", file.display().to_string())?;
        Ok(Self { file })
    }

    /// Makes it behave like this, and waits until it does.
    pub async fn becomes(&self, fleet: &Fleet, settings: &Value) -> Result<()> {
        let taken = || Ok::<_, anyhow::Error>(fleet.log("payment")?.matches("the simulated provider settings").count());
        let before = taken()?;
        // In one step: the service may look at any time.
        let next = self.file.with_extension("next");
        fs::write(&next, settings.to_string())?;
        fs::rename(next, &self.file)?;
        eventually(SOON, "payment takes the settings", async || {
            ensure!(taken()? > before, "not taken: {settings}");
            Ok(())
        })
        .await
    }

    /// Makes every payment take this many milliseconds.
    pub async fn takes(&self, fleet: &Fleet, milliseconds: u32) -> Result<()> {
        self.becomes(fleet, &json!({ "delayMs": milliseconds })).await
    }

    /// What it does before it is told anything.
    pub async fn approves_at_once(&self, fleet: &Fleet) -> Result<()> {
        self.becomes(fleet, &json!({})).await
    }
}
