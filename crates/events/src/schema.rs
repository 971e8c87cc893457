//! Schemas of events, kept as files beside the types so that a change of the wire form shows as a diff.

use std::path::Path;

use crate::EventSet;

/// The JSON Schema (draft 2020-12) of all events of a context, as text.
pub fn text<E: EventSet>() -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(&schemars::schema_for!(E))? + "\n")
}

/// Whether the schema kept in `file` is that of the types, and every variant is listed in [`EventSet::KINDS`].
///
/// With `UPDATE_SCHEMAS` set in the environment the file is written instead.
///
/// # Errors
///
/// What differs, in words for the person who made the change.
pub fn check<E: EventSet>(file: &Path) -> Result<(), String> {
    let now = text::<E>().map_err(|error| error.to_string())?;
    if let Some(kind) = E::KINDS.iter().find(|kind| !now.contains(&format!("\"{kind}\""))) {
        return Err(format!("{kind} is listed in KINDS, but is no variant"));
    }
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        return std::fs::write(file, now).map_err(|error| format!("{}: {error}", file.display()));
    }
    let kept = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    if kept == now {
        return Ok(());
    }
    Err(format!(
        "{} is not what the types say. If every reader can live with the change, run the test again with \
         UPDATE_SCHEMAS=1 and commit the file. The types say:\n{now}",
        file.display()
    ))
}
