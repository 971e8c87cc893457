//! `services/<fleet>/README.md`: the contexts with their calls and events, as a diagram and as a table, between two markers.

use super::{rendered::Rendered, template::each};
use anyhow::{Context as _, ensure};
use manifest::{Context, Manifest};
use std::{collections::BTreeMap, fs, path::Path};

const BEGIN: &str = "<!-- rendered by `cargo xtask render`: contexts -->\n";
const END: &str = "<!-- end -->\n";
/// What a context reads of the events of others, in its folder.
const READS: &str = "reads.toml";

/// Adds the README of a fleet that has one.
pub fn render(root: &Path, fleet: &Manifest, rendered: &mut Rendered) -> anyhow::Result<()> {
    let path = format!("services/{}/README.md", fleet.name);
    let file = root.join(&path);
    if file.is_file() {
        let text = fs::read_to_string(&file).with_context(|| path.clone())?;
        let text = replace(&text, &contexts(root, fleet)?).with_context(|| path.clone())?;
        rendered.add_whole(path, text);
    }
    Ok(())
}

/// The text with `contexts` between the markers.
fn replace(text: &str, contexts: &str) -> anyhow::Result<String> {
    let (before, rest) = text.split_once(BEGIN).with_context(|| format!("has no line {BEGIN:?}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("has no line {END:?}"))?;
    ensure!(!after.contains(BEGIN), "has the line {BEGIN:?} twice");
    Ok(format!("{before}{BEGIN}\n{contexts}\n{END}{after}"))
}

fn contexts(root: &Path, fleet: &Manifest) -> anyhow::Result<String> {
    let folder = root.join("services").join(&fleet.name);
    let reads = fleet.contexts.iter().map(|context| Ok((context, reads(&folder.join(&context.name).join(READS))?)));
    let reads = reads.collect::<anyhow::Result<Vec<_>>>()?;
    Ok(format!("{}\n{}", diagram(&reads), table(root, fleet)?))
}

/// The events that a context reads, by the context that publishes them.
type Reads = BTreeMap<String, Vec<String>>;

fn reads(file: &Path) -> anyhow::Result<Reads> {
    if !file.is_file() {
        return Ok(Reads::new());
    }
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let table: BTreeMap<String, toml::Table> = toml::from_str(&text).with_context(|| file.display().to_string())?;
    Ok(table.into_iter().map(|(context, events)| (context, events.keys().cloned().collect())).collect())
}

/// Calls are thick arrows, and events are dotted ones.
fn diagram(contexts: &[(&Context, Reads)]) -> String {
    let nodes = each(contexts, |(context, _)| format!("    {0}[{0}]\n", context.name));
    let calls = each(contexts, |(context, _)| {
        each(&context.calls, |called| format!("    {} ==>|calls| {called}\n", context.name))
    });
    let events = each(contexts, |(context, reads)| {
        each(reads.iter().filter(|(publisher, _)| **publisher != context.name), |(publisher, events)| {
            format!("    {publisher} -. \"{}\" .-> {}\n", events.join("<br>"), context.name)
        })
    });
    format!("```mermaid\nflowchart LR\n{nodes}{calls}{events}```\n")
}

fn table(root: &Path, fleet: &Manifest) -> anyhow::Result<String> {
    let events = root.join("contracts").join(&fleet.name).join("events");
    let rows = fleet.contexts.iter().map(|Context { name, rank, port, about, calls, .. }| {
        let published = published(&events.join(name))?;
        Ok(format!("| {name} | {rank} | {port} | {about} | {} | {} |\n", calls.join(", "), published.join(", ")))
    });
    let rows = rows.collect::<anyhow::Result<String>>()?;
    Ok(format!("| context | rank | port | for | calls | publishes |\n|---|---|---|---|---|---|\n{rows}"))
}

/// The names of the events of a context, which are those of the files with their schemas.
fn published(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    if folder.is_dir() {
        for entry in folder.read_dir().with_context(|| folder.display().to_string())? {
            names.extend(entry?.path().file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(root: &Path) -> Manifest {
        let write = |file: &str, text: &str| {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "services/harbour/fleet.toml",
            "name = \"harbour\"\n[gateway]\nport = 1\nroutes = \"g.toml\"\nopenapi = \"o.json\"\n",
        );
        write(
            "services/harbour/crane/context.toml",
            "name = \"crane\"\nport = 2\nrank = \"core\"\nabout = \"lifts\"\ncalls = [\"boat\"]\n",
        );
        write("services/harbour/boat/context.toml", "name = \"boat\"\nport = 3\n");
        write("services/harbour/boat/reads.toml", "[crane.Lifted]\nid = \"integer\"\n[boat.Left]\nid = \"integer\"\n");
        write("contracts/harbour/events/crane/Lifted.json", "{}");
        manifest::read(&root.join("services/harbour/fleet.toml")).unwrap()
    }

    #[test]
    fn calls_and_events_of_others_are_arrows_and_each_context_is_a_row() {
        let root = tempfile::tempdir().unwrap();
        let contexts = contexts(root.path(), &fleet(root.path())).unwrap();
        assert!(contexts.contains("    crane ==>|calls| boat\n    crane -. \"Lifted\" .-> boat\n```"), "{contexts}");
        assert!(
            contexts.ends_with("| crane | core | 2 | lifts | boat | Lifted |\n| boat | supporting | 3 |  |  |  |\n"),
            "{contexts}"
        );
    }

    #[test]
    fn only_what_is_between_the_markers_is_replaced_and_a_readme_without_them_is_rejected() {
        let text = format!("before\n{BEGIN}old\n{END}after\n");
        let replaced = replace(&text, "new\n").unwrap();
        assert_eq!(replaced, format!("before\n{BEGIN}\nnew\n\n{END}after\n"));
        assert_eq!(replace(&replaced, "new\n").unwrap(), replaced);
        replace("before\n", "new\n").unwrap_err();
    }
}
