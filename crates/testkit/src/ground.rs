use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ambient::{Ids, SystemClock};
use anyhow::Result;
use flotilla::binaries;
use flotilla::fleets::{self, Fleet as Described};
use flotilla::plan::{Plan, Settings};

use crate::Fleet;
use crate::parts::Parts;

/// What all fleets of a run have in common: a description, and binaries.
pub struct Ground {
    pub(crate) fleet: Described,
    /// The text of its manifest.
    pub(crate) text: String,
    pub(crate) binaries: PathBuf,
    pub(crate) ids: Ids,
}

impl Ground {
    /// For fleets as this manifest describes them, of the binaries in this folder. They need not be there yet.
    pub fn new(manifest: &Path, binaries: PathBuf) -> Result<Self> {
        let fleet = fleets::find(Some(&manifest.display().to_string()), None)?;
        let text = fs::read_to_string(manifest)?;
        Ok(Self { fleet, text, binaries, ids: Ids::from_entropy(Arc::new(SystemClock)) })
    }

    /// A fleet of which nothing runs yet, in a new folder, with new databases. Its name begins with `prefix`. Whoever is
    /// done with it calls [`Fleet::end`].
    pub async fn fleet(&self, parts: &Parts, prefix: &str) -> Result<Fleet> {
        Fleet::new(self, parts, format!("{prefix}-{:x}", self.ids.number())).await
    }

    /// Whether all binaries are there.
    pub fn check(&self) -> Result<()> {
        Ok(binaries::check(&self.embedded()?, &self.binaries)?)
    }

    /// All that there may be to start.
    pub(crate) fn embedded(&self) -> Result<Plan> {
        Ok(Plan::new(&self.fleet, &Settings::embedded(".", &self.binaries))?)
    }
}
