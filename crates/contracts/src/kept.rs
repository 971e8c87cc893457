//! The files of a fleet's contract: compared with the types, and written when a test is told to.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use schemars::Schema;
use serde::Serialize;
use serde_json::Value;

use crate::changes::Break;
use crate::{Published, Statement, changes, verdict};

/// The variable that tells a test to write the files: `1`, or `breaking`.
pub const UPDATE: &str = "UPDATE_CONTRACTS";

/// What a test may do to the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// Nothing: they must be as the types say.
    Nothing,
    /// Write them, if every reader can live with the change.
    Additions,
    /// Write them, whomever it breaks.
    Anything,
}

impl Update {
    /// What [`UPDATE`] says.
    ///
    /// # Errors
    ///
    /// If that is neither of its two words.
    pub fn asked() -> Result<Self, String> {
        match std::env::var(UPDATE).ok().as_deref() {
            None | Some("") => Ok(Self::Nothing),
            Some("1") => Ok(Self::Additions),
            Some("breaking") => Ok(Self::Anything),
            Some(other) => Err(format!("{UPDATE} is {other:?}, not 1 or breaking")),
        }
    }
}

/// Holds the schemas below `folder`, one in `CONTEXT/EVENT.json` each, against what is published now.
///
/// # Errors
///
/// What readers cannot live with, and who says that he reads it; or else which files are not what the types say.
pub fn events(folder: &Path, now: &[Published], readers: &[Statement], update: Update) -> Result<(), String> {
    let before = read(folder)?;
    let broken: Vec<String> = before.iter().flat_map(|kept| broken(kept, now, readers)).collect();
    if update != Update::Anything {
        verdict(&refused(folder), &broken)?;
    }
    let files: BTreeMap<PathBuf, &Schema> = now.iter().flat_map(|published| files(folder, published)).collect();
    for gone in before.iter().filter(|kept| !files.contains_key(&kept.file)) {
        // Only here with `Anything`: an event that is gone breaks its readers.
        fs::remove_file(&gone.file).map_err(|error| about(&gone.file, &error))?;
    }
    let stale: Result<Vec<_>, String> =
        files.iter().filter_map(|(file, schema)| document(file, schema, update).transpose()).collect();
    verdict(&how_to_write(), &stale?)
}

/// Holds one file against what it should be. `Some`: why it is not that, unless it was to be written.
///
/// # Errors
///
/// If it cannot be read or written.
pub fn document(file: &Path, now: &impl Serialize, update: Update) -> Result<Option<String>, String> {
    let now_value = serde_json::to_value(now).map_err(|error| about(file, &error))?;
    let kept = fs::read_to_string(file).ok();
    // As values: the order of keywords depends on which features a build has.
    if kept.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok()).as_ref() == Some(&now_value) {
        return Ok(None);
    }
    if update == Update::Nothing {
        let why = if kept.is_some() { "is not what the types say" } else { "is not there" };
        return Ok(Some(format!("{} {why}", file.display())));
    }
    let text = serde_json::to_string_pretty(now).map_err(|error| about(file, &error))? + "\n";
    let folder = file.parent().unwrap_or(file);
    fs::create_dir_all(folder).and_then(|()| fs::write(file, text)).map_err(|error| about(file, &error))?;
    Ok(None)
}

/// What to do about files that are not what the types say.
pub fn how_to_write() -> String {
    format!(
        "no reader is broken, but the contract's files are to be written: run this test with {UPDATE}=1 and commit them"
    )
}

fn refused(folder: &Path) -> String {
    format!(
        "this change breaks readers of the events in {}. How to go on: docs/contracts.md. If no topic and no running service \
         has them any more: {UPDATE}=breaking",
        folder.display()
    )
}

/// A schema as it was kept.
struct Kept {
    context: String,
    event: String,
    file: PathBuf,
    schema: Schema,
}

fn read(folder: &Path) -> Result<Vec<Kept>, String> {
    let mut all = Vec::new();
    for context in entries(folder)?.into_iter().filter(|entry| entry.is_dir()) {
        for file in entries(&context)? {
            let text = fs::read_to_string(&file).map_err(|error| about(&file, &error))?;
            let schema = serde_json::from_str(&text).map_err(|error| about(&file, &error))?;
            all.push(Kept { context: name(&context), event: name(&file), file, schema });
        }
    }
    Ok(all)
}

/// What a folder has in it, in order; nothing if there is no such folder.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(|error| about(folder, &error))?;
    paths.sort();
    Ok(paths)
}

/// The schemas of a context's events as they are kept, by type.
pub(crate) fn kept_events(folder: &Path, context: &str) -> Result<BTreeMap<String, Schema>, String> {
    let kept = read(folder)?.into_iter().filter(|kept| kept.context == context);
    Ok(kept.map(|kept| (kept.event, kept.schema)).collect())
}

fn files<'a>(folder: &Path, published: &'a Published) -> Vec<(PathBuf, &'a Schema)> {
    let folder = folder.join(&published.context);
    published.events.iter().map(|(event, schema)| (folder.join(format!("{event}.json")), schema)).collect()
}

/// What readers of the kept event cannot live with, and which of them say that they read it.
fn broken(kept: &Kept, now: &[Published], readers: &[Statement]) -> Vec<String> {
    let Kept { context, event, .. } = kept;
    let tell = |Break { field, why, past }: &Break| {
        let named = field.as_ref().map(|field| format!(".{field}")).unwrap_or_default();
        let read = field.as_deref().filter(|_| !past);
        let breaks: Vec<String> =
            readers.iter().filter(|reader| reader.reads(context, event, read)).map(Statement::name).collect();
        let breaks = if breaks.is_empty() { "no context states that it reads it".into() } else { breaks.join(", ") };
        format!("{context}: {event}{named}: {why}. Breaks: {breaks}")
    };
    let published = now.iter().find(|published| published.context == *context);
    let Some(schema) = published.and_then(|published| published.events.get(event)) else {
        return vec![tell(&Break { field: None, why: "the event is gone".into(), past: true })];
    };
    changes::breaking(&kept.schema, schema).iter().map(tell).collect()
}

fn name(path: &Path) -> String {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default().trim_end_matches(".json").to_owned()
}

pub(crate) fn about(file: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", file.display())
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

    fn gardener() -> Vec<Statement> {
        let text = "[weather.Rained]\nmillimetres = \"integer\"";
        vec![Statement::parse("gardener", Path::new("gardener/reads.toml"), text).unwrap()]
    }

    #[test]
    fn an_addition_needs_a_word_and_a_break_a_stronger_one() {
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
