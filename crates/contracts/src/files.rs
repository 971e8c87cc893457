//! Files and folders of contracts.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

/// The sorted content of a folder; empty if the folder does not exist.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(|error| file_error(folder, &error))?;
    paths.sort();
    Ok(paths)
}

pub(crate) fn file_error(file: &Path, error: &dyn Display) -> String {
    format!("{}: {error}", file.display())
}
