//! The description and the binaries of the fleets of a test run.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ambient::{Ids, SystemClock};
use anyhow::Result;
use flotilla::binaries;
use flotilla::fleets::{self, Fleet as Description};
use flotilla::plan::{Plan, Settings};

/// The description and the binaries that all fleets of a run have in common.
pub struct FleetTemplate {
    pub(crate) description: Description,
    /// The text of the manifest.
    pub(crate) manifest: String,
    pub(crate) binaries: PathBuf,
    pub(crate) ids: Ids,
}

impl FleetTemplate {
    /// Reads a manifest. The folder `binaries` need not be complete yet.
    pub fn new(manifest: &Path, binaries: PathBuf) -> Result<Self> {
        let fleet = fleets::find(Some(&manifest.display().to_string()), None)?;
        let text = fs::read_to_string(manifest)?;
        Ok(Self { description: fleet, manifest: text, binaries, ids: Ids::from_entropy(Arc::new(SystemClock)) })
    }

    /// Makes the programs that cargo does not build, if they are not among the binaries. Returns the names of those that this
    /// machine cannot make.
    pub async fn set_up(&self) -> Result<Vec<String>> {
        Ok(binaries::set_up_among(&self.binaries, &self.embedded()?).await?)
    }

    /// Fails if a binary is missing.
    pub fn check(&self) -> Result<()> {
        Ok(binaries::check(&self.embedded()?, &self.binaries)?)
    }

    /// The plan with all programs: the embedded broker, the contexts, the gateway.
    pub(crate) fn embedded(&self) -> Result<Plan> {
        Ok(Plan::new(&self.description, &Settings::embedded(".", &self.binaries))?)
    }
}
