//! The generated files of a fleet's contracts: compared with the types, and updated on request.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use schemars::Schema;
use serde::Serialize;
use serde_json::Value;

use crate::compatibility::{self, Break};
use crate::consumer_contract::ConsumerContract;
use crate::files::{entries, file_error};
use crate::published::Published;
use crate::verdict;

/// The variable that lets a test write the files: `1`, or `breaking`.
pub const UPDATE: &str = "UPDATE_CONTRACTS";

/// Which changes a test may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// None: the files must match the types.
    Nothing,
    /// Compatible changes.
    Additions,
    /// All changes, also incompatible ones.
    Anything,
}

impl Update {
    /// The value of [`UPDATE`].
    ///
    /// # Errors
    ///
    /// If it is neither `1` nor `breaking`.
    pub fn asked() -> Result<Self, String> {
        match std::env::var(UPDATE).ok().as_deref() {
            None | Some("") => Ok(Self::Nothing),
            Some("1") => Ok(Self::Additions),
            Some("breaking") => Ok(Self::Anything),
            Some(other) => Err(format!("{UPDATE} is {other:?}, not 1 or breaking")),
        }
    }
}

/// Compares the schemas below `folder` (`CONTEXT/EVENT.json`) with the events that are published now.
///
/// # Errors
///
/// The incompatible changes, with the consumers that they break; else the files that do not match the types.
pub fn events(folder: &Path, now: &[Published], readers: &[ConsumerContract], update: Update) -> Result<(), String> {
    let before = read_schemas(folder)?;
    let broken: Vec<String> = before.iter().flat_map(|stored| breaking_changes(stored, now, readers)).collect();
    if update != Update::Anything {
        verdict(&breaking_heading(folder), &broken)?;
    }
    let files: BTreeMap<PathBuf, &Schema> = now.iter().flat_map(|published| files(folder, published)).collect();
    for removed in before.iter().filter(|stored| !files.contains_key(&stored.file)) {
        // Reached with `Anything` only: a removed event breaks its consumers.
        fs::remove_file(&removed.file).map_err(|error| file_error(&removed.file, &error))?;
    }
    let stale: Result<Vec<_>, String> =
        files.iter().filter_map(|(file, schema)| document(file, schema, update).transpose()).collect();
    verdict(&how_to_write(), &stale?)
}

/// Compares a file with its expected content. `Some`: the difference, unless it was written.
///
/// # Errors
///
/// If the file cannot be read or written.
pub fn document(file: &Path, now: &impl Serialize, update: Update) -> Result<Option<String>, String> {
    let now_value = serde_json::to_value(now).map_err(|error| file_error(file, &error))?;
    let stored = fs::read_to_string(file).ok();
    // Compared as values: the order of keywords depends on the features of the build.
    if stored.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok()).as_ref() == Some(&now_value) {
        return Ok(None);
    }
    if update == Update::Nothing {
        let why = if stored.is_some() { "is not what the types say" } else { "is not there" };
        return Ok(Some(format!("{} {why}", file.display())));
    }
    let text = serde_json::to_string_pretty(now).map_err(|error| file_error(file, &error))? + "\n";
    let folder = file.parent().unwrap_or(file);
    fs::create_dir_all(folder).and_then(|()| fs::write(file, text)).map_err(|error| file_error(file, &error))?;
    Ok(None)
}

/// The heading for files that do not match the types.
pub fn how_to_write() -> String {
    format!(
        "no reader is broken, but the contract's files are to be written: run this test with {UPDATE}=1 and commit them"
    )
}

fn breaking_heading(folder: &Path) -> String {
    format!(
        "this change breaks readers of the events in {}. How to go on: docs/contracts.md. If no topic and no running service \
         has them any more: {UPDATE}=breaking",
        folder.display()
    )
}

/// A schema on disk.
struct StoredSchema {
    context: String,
    event: String,
    file: PathBuf,
    schema: Schema,
}

fn read_schemas(folder: &Path) -> Result<Vec<StoredSchema>, String> {
    let mut all = Vec::new();
    for context in entries(folder)?.into_iter().filter(|entry| entry.is_dir()) {
        for file in entries(&context)? {
            let text = fs::read_to_string(&file).map_err(|error| file_error(&file, &error))?;
            let schema = serde_json::from_str(&text).map_err(|error| file_error(&file, &error))?;
            all.push(StoredSchema { context: name(&context), event: name(&file), file, schema });
        }
    }
    Ok(all)
}

/// The schemas on disk of a context's events, by type.
pub(crate) fn stored_events(folder: &Path, context: &str) -> Result<BTreeMap<String, Schema>, String> {
    let stored = read_schemas(folder)?.into_iter().filter(|stored| stored.context == context);
    Ok(stored.map(|stored| (stored.event, stored.schema)).collect())
}

fn files<'a>(folder: &Path, published: &'a Published) -> Vec<(PathBuf, &'a Schema)> {
    let folder = folder.join(&published.context);
    published.events.iter().map(|(event, schema)| (folder.join(format!("{event}.json")), schema)).collect()
}

/// The incompatible changes of an event, with the consumers that read it.
fn breaking_changes(stored: &StoredSchema, now: &[Published], readers: &[ConsumerContract]) -> Vec<String> {
    let StoredSchema { context, event, .. } = stored;
    let describe = |Break { field, why, past }: &Break| {
        let named = field.as_ref().map(|field| format!(".{field}")).unwrap_or_default();
        let read = field.as_deref().filter(|_| !past);
        let breaks: Vec<String> =
            readers.iter().filter(|reader| reader.reads(context, event, read)).map(ConsumerContract::name).collect();
        let breaks = if breaks.is_empty() { "no context states that it reads it".into() } else { breaks.join(", ") };
        format!("{context}: {event}{named}: {why}. Breaks: {breaks}")
    };
    let published = now.iter().find(|published| published.context == *context);
    let Some(schema) = published.and_then(|published| published.events.get(event)) else {
        return vec![describe(&Break { field: None, why: "the event is gone".into(), past: true })];
    };
    compatibility::breaking(&stored.schema, schema).iter().map(describe).collect()
}

fn name(path: &Path) -> String {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default().trim_end_matches(".json").to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn published(events: &[(&str, &[&str])]) -> Vec<Published> {
        let schema = |required: &&[&str]| {
            let properties: BTreeMap<_, _> =
                required.iter().map(|name| (*name, json!({ "type": "integer" }))).collect();
            Schema::try_from(json!({ "type": "object", "properties": properties, "required": *required })).unwrap()
        };
        let events = events.iter().map(|(name, fields)| ((*name).to_owned(), schema(fields))).collect();
        vec![Published { context: "weather".into(), events }]
    }

    fn gardener() -> Vec<ConsumerContract> {
        let text = "[weather.Rained]\nmillimetres = \"integer\"";
        vec![ConsumerContract::parse("gardener", Path::new("gardener/reads.toml"), text).unwrap()]
    }

    #[test]
    fn an_addition_needs_consent_and_a_break_explicit_consent() {
        let place = tempfile::tempdir().unwrap();
        let check = |now: &[Published], update| events(place.path(), now, &gardener(), update);
        let first = published(&[("Rained", &["millimetres"])]);
        assert!(check(&first, Update::Nothing).unwrap_err().contains("Rained.json is not there"));
        check(&first, Update::Additions).unwrap();
        check(&first, Update::Nothing).unwrap();

        let more = published(&[("Rained", &["millimetres"]), ("Snowed", &["centimetres"])]);
        assert!(check(&more, Update::Nothing).unwrap_err().contains("UPDATE_CONTRACTS=1"));
        check(&more, Update::Additions).unwrap();

        let renamed = published(&[("Rained", &["litres"]), ("Snowed", &["centimetres"])]);
        for update in [Update::Nothing, Update::Additions] {
            let told = check(&renamed, update).unwrap_err();
            assert!(told.contains("weather: Rained.millimetres: it is gone (`litres` is new"), "{told}");
            assert!(told.contains("Breaks: gardener (gardener/reads.toml)"), "{told}");
        }
        check(&more, Update::Nothing).unwrap();

        let gone = published(&[("Rained", &["millimetres"])]);
        let told = check(&gone, Update::Additions).unwrap_err();
        assert!(
            told.contains("weather: Snowed: the event is gone. Breaks: no context states that it reads it"),
            "{told}"
        );
        let demanding = published(&[("Rained", &["litres", "millimetres"]), ("Snowed", &["centimetres"])]);
        let told = check(&demanding, Update::Additions).unwrap_err();
        assert!(told.contains("litres: it is new and required") && told.contains("Breaks: gardener ("), "{told}");
        check(&gone, Update::Anything).unwrap();
        check(&gone, Update::Nothing).unwrap();
    }
}
