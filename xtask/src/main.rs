//! Checks of the repository itself: `cargo xtask check`. And what is in a binary: `cargo xtask sbom`.
//!
//! What keeps the architecture is checked here, so that nobody has to remember it. One file per rule, below
//! [`rules`]; each rule takes what [`workspace`] and [`source`] have read and gives findings.

mod finding;
mod rules;
mod sbom;
mod source;
mod table;
mod workspace;

use anyhow::Context;
use finding::Finding;
use rules::sizes::Figures;
use source::Source;
use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};
use workspace::Workspace;

const USAGE: &str = "usage: cargo xtask check | cargo xtask sbom FOLDER BINARY…";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.as_slice() {
        [command] if command == "check" => check(),
        [command, folder, binaries @ ..] if command == "sbom" && !binaries.is_empty() => {
            sbom::write(Path::new(folder), binaries).map(|()| ExitCode::SUCCESS)
        }
        _ => Err(anyhow::anyhow!(USAGE)),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("{error:#}");
        ExitCode::FAILURE
    })
}

fn check() -> anyhow::Result<ExitCode> {
    let workspace = Workspace::read().context("the workspace cannot be read")?;
    let sources = source::read_all(&workspace.root).context("the sources cannot be read")?;
    let figures = Figures::measure(&sources);
    let findings = findings(&workspace, &sources, &figures)?;
    write!(io::stdout().lock(), "{}{}", table::Table(&figures.rows()), finding::Listing(&findings))?;
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn findings(workspace: &Workspace, sources: &[Source], figures: &Figures) -> anyhow::Result<Vec<Finding>> {
    let words = rules::fleet_words::Words::of(&workspace.packages, sources);
    let below = source::read_texts(&workspace.root.join("crates"), &workspace.root)?;
    let mut all = rules::directions::check(&workspace.packages);
    all.extend(rules::reach::check(&workspace.packages, &workspace.graph));
    all.extend(rules::fleet_words::check(&words, &below));
    all.extend(rules::forbidden::check(sources));
    all.extend(rules::names::check(&workspace.packages, sources));
    all.extend(figures.findings());
    Ok(all)
}
