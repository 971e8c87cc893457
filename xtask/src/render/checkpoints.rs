//! `docs/checkpoints.md`: the checkpoints of all fleets, the commands that show them, and the outputs that were kept.

use super::{
    rendered::Rendered,
    template::{each, fill},
};
use crate::checkpoints::{CHECKPOINTS, Checkpoint, Command, Declaration, Evidence, Kept};
use manifest::Manifest;
use std::path::Path;

const PAGE: &str = "docs/checkpoints.md";
const SOURCE: &str = "services/FLEET/checkpoints.toml and docs/runs";

/// Adds the page.
pub fn render(root: &Path, fleets: &[Manifest], rendered: &mut Rendered) -> anyhow::Result<()> {
    let declarations = fleets.iter().map(|fleet| Declaration::read(root, &fleet.name));
    let declarations = declarations.collect::<anyhow::Result<Vec<_>>>()?;
    rendered.add(PAGE.to_owned(), SOURCE, &page(&declarations, &Kept::read(root)?));
    Ok(())
}

fn page(fleets: &[Declaration], kept: &Kept) -> String {
    let table = table(fleets, kept);
    let fleets = each(fleets, |fleet| format!("\n## {}\n{}", fleet.fleet, sections(fleet, kept)));
    fill(include_str!("templates/checkpoints.md"), &[("table", &table), ("fleets", &fleets)])
}

/// The checkpoints, each with its number.
fn numbered() -> impl Iterator<Item = (usize, &'static Checkpoint)> {
    CHECKPOINTS.iter().enumerate().map(|(index, checkpoint)| (index + 1, checkpoint))
}

fn table(fleets: &[Declaration], kept: &Kept) -> String {
    let names = each(fleets, |fleet| format!(" {} |", fleet.fleet));
    let rows = each(numbered(), |(number, checkpoint)| {
        let Checkpoint { title, meaning, .. } = checkpoint;
        let cells = each(fleets, |Declaration { fleet, evidence }| {
            format!(" [{}](#{}) |", state(&evidence[number - 1], kept), anchor(&heading(fleet, number, title)))
        });
        format!("| {number} | **{title}**: {meaning} |{cells}\n")
    });
    format!("| | checkpoint |{names}\n|---|---|{}\n{rows}", "---|".repeat(fleets.len()))
}

/// The results of the commands in the kept outputs.
fn state(evidence: &Evidence, kept: &Kept) -> String {
    let runs: Vec<_> = evidence.commands.iter().map(|command| kept.of(command)).collect();
    let run = runs.iter().flatten().count();
    match &evidence.shown_in {
        _ if runs.iter().flatten().any(|run| !run.holds()) => "failed".to_owned(),
        Some(fleet) if run == 0 => format!("in {fleet}"),
        None if run == 0 => "not run".to_owned(),
        _ if run < runs.len() => "in part".to_owned(),
        _ => "shown".to_owned(),
    }
}

fn heading(fleet: &str, number: usize, title: &str) -> String {
    format!("{fleet} {number}: {title}")
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let letters = heading.chars().filter(|letter| letter.is_alphanumeric() || [' ', '-'].contains(letter));
    letters.collect::<String>().to_lowercase().replace(' ', "-")
}

fn sections(Declaration { fleet, evidence }: &Declaration, kept: &Kept) -> String {
    each(numbered().zip(evidence), |((number, Checkpoint { title, .. }), evidence)| {
        let commands = each(&evidence.commands, |command| run(command, kept));
        let elsewhere = each(&evidence.shown_in, |other| {
            let rest = if evidence.commands.is_empty() { "Shown" } else { "More of it is shown" };
            format!("\n{rest} in [{other}](#{}).\n", anchor(&heading(other, number, title)))
        });
        format!("\n### {}\n\n{}\n{commands}{elsewhere}", heading(fleet, number, title), evidence.about)
    })
}

/// A command, with the output that was kept.
fn run(command: &Command, kept: &Kept) -> String {
    let text = command.text();
    match kept.of(command) {
        Some(run) => {
            let lines = each(run.excerpt(), |line| format!("{line}\n"));
            let note = run.note(text);
            let note = if note.is_empty() { ".".to_owned() } else { format!(": {note}") };
            format!("\n```console\n$ {text}\n{lines}```\n\nFrom [{0}]({0}){note}\n", run.file)
        }
        None => format!("\n```console\n$ {text}\n```\n\nNot run: no output is kept.\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNS: &str = "=== optimised.\n=== scripts/demo/a --fleet harbour\n  1 s  holds   it works\nVERDICT: holds\n\
        === cargo test --package p --lib fails\ntest fails ... FAILED\nexit code 101 after 1 s\n";

    fn declaration(fleet: &str, lines: &str) -> Declaration {
        let text = each(&CHECKPOINTS, |checkpoint| format!("[{}]\nabout = \"It works.\"\n{lines}\n", checkpoint.key));
        Declaration::parse(fleet, &text).unwrap()
    }

    fn state_of(lines: &str) -> String {
        state(&declaration("harbour", lines).evidence[0], &Kept::of_text(RUNS))
    }

    #[test]
    fn a_cell_says_what_the_outputs_say() {
        assert_eq!(state_of("commands = [\"scripts/demo/a --fleet harbour\"]"), "shown");
        assert_eq!(state_of("commands = [\"scripts/demo/a --fleet harbour\"]\nshown_in = \"b\""), "shown");
        assert_eq!(state_of("commands = [\"scripts/demo/a --fleet harbour\", \"scripts/b\"]"), "in part");
        assert_eq!(state_of("commands = [\"scripts/b\"]"), "not run");
        assert_eq!(state_of("commands = [\"scripts/b\"]\nshown_in = \"b\""), "in b");
        assert_eq!(state_of("commands = [\"cargo test --package p --lib fails\", \"scripts/b\"]"), "failed");
    }

    #[test]
    fn the_page_has_outputs_that_were_kept_and_says_where_there_is_none() {
        let harbour = declaration("harbour", "commands = [\"scripts/demo/a --fleet harbour\", \"scripts/b\"]");
        let page = page(&[harbour, declaration("quay", "shown_in = \"harbour\"")], &Kept::of_text(RUNS));
        let link = " [in part](#harbour-4-requestresponse) | [in harbour](#quay-4-requestresponse) |\n";
        assert!(page.contains(link), "{page}");
        let section = "\n### harbour 4: Request/response\n\nIt works.\n\n\
            ```console\n$ scripts/demo/a --fleet harbour\n  1 s  holds   it works\nVERDICT: holds\n```\n\n\
            From [runs/a.txt](runs/a.txt): optimised.\n\n```console\n$ scripts/b\n```\n\nNot run: no output is kept.\n\n###";
        assert!(page.contains(section), "{page}");
        assert!(page.contains("\nIt works.\n\nShown in [harbour](#harbour-1-saga).\n"), "{page}");
    }
}
