//! `cargo xtask render`: writes the files that list contexts, from the declarations of the fleets.
//!
//! What people decide per environment (overlays, secrets, limits) is never rendered. The texts are in `render/templates`.

mod catalog;
mod checkpoints;
mod compose;
mod gateway;
mod identity;
mod images;
mod kubernetes;
mod local_stores;
mod optional;
mod prometheus;
mod readme;
mod rendered;
mod template;
mod toml_text;

use crate::finding::Finding;
use anyhow::{Context as _, ensure};
use manifest::Manifest;
use rendered::Rendered;
use std::path::Path;

/// Writes all files, and removes those that are no longer rendered. Returns the paths that changed.
pub fn write(root: &Path) -> anyhow::Result<Vec<String>> {
    all(root)?.write(root)
}

/// One finding per file that is not as it would be rendered.
pub fn check(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let changed = all(root)?.changed(root)?;
    Ok(changed.into_iter().map(|path| Finding::at(path, "is not as rendered: run cargo xtask render")).collect())
}

/// What follows from the declarations, the parts of the READMEs, and the page of the checkpoints.
fn all(root: &Path) -> anyhow::Result<Rendered> {
    let fleets = fleets(root)?;
    let mut rendered = render(&fleets)?;
    fleets.iter().try_for_each(|fleet| readme::render(root, fleet, &mut rendered))?;
    checkpoints::render(root, &fleets, &mut rendered)?;
    Ok(rendered)
}

fn render(fleets: &[Manifest]) -> anyhow::Result<Rendered> {
    let mut rendered = Rendered::default();
    for fleet in fleets {
        gateway::render(fleet, &mut rendered)?;
        kubernetes::render(fleet, &mut rendered);
        identity::render(fleet, &mut rendered);
        optional::render(fleet, &mut rendered);
        local_stores::render(fleet, &mut rendered);
        compose::render(fleet, &mut rendered);
        prometheus::render(fleet, &mut rendered);
        catalog::render(fleet, &mut rendered);
    }
    images::render(fleets, &mut rendered)?;
    Ok(rendered)
}

/// The fleets, ordered by name.
pub fn fleets(root: &Path) -> anyhow::Result<Vec<Manifest>> {
    let services = root.join("services");
    let mut fleets = Vec::new();
    for entry in services.read_dir().with_context(|| services.display().to_string())? {
        let entry = entry?;
        let declaration = entry.path().join("fleet.toml");
        if declaration.is_file() {
            let fleet = manifest::read(&declaration)?;
            ensure!(
                entry.file_name() == *fleet.name,
                "{}: the fleet and its folder differ in name",
                declaration.display()
            );
            fleets.push(fleet);
        }
    }
    fleets.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(fleets)
}

#[cfg(test)]
mod tests;
