//! Checks of the repository itself, `cargo xtask check`; files that list contexts, `cargo xtask render`; bills of materials of
//! binaries, `cargo xtask sbom`; and the commands that show the checkpoints of a fleet, `cargo xtask checkpoints`.
//!
//! Each rule of the architecture is one file in [`rules`]. A rule gets the packages from [`workspace`] and the files from
//! [`source`], and returns findings.

mod checkpoints;
mod finding;
mod imports;
mod render;
mod rules;
mod sbom;
mod source;
mod table;
mod workspace;

use anyhow::Context;
use checkpoints::Declaration;
use finding::Finding;
use rules::sizes::Figures;
use source::Source;
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};
use workspace::Workspace;

const USAGE: &str = "usage: cargo xtask check [--sizes] | cargo xtask render [--check] | cargo xtask sbom FOLDER BINARY… | \
    cargo xtask checkpoints FLEET";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.as_slice() {
        [command] if command == "check" => check(),
        [command] if command == "render" => write_rendered(),
        [command, option] if command == "render" && option == "--check" => check_rendered(),
        [command, option] if command == "check" && option == "--sizes" => print_sizes(),
        [command, fleet] if command == "checkpoints" => print_checkpoints(fleet),
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
    let rows = [figures.rows(), rules::budgets::rows(&workspace.packages, &sources)].concat();
    write!(io::stdout().lock(), "{}{}", table::Table(&rows), finding::Listing(&findings))?;
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write_rendered() -> anyhow::Result<ExitCode> {
    let changed = render::write(&root()?)?;
    let mut output = io::stdout().lock();
    changed.iter().try_for_each(|path| writeln!(output, "{path}"))?;
    writeln!(output, "xtask render: {} changed", changed.len())?;
    Ok(ExitCode::SUCCESS)
}

fn check_rendered() -> anyhow::Result<ExitCode> {
    let findings = render::check(&root()?)?;
    write!(io::stdout().lock(), "{}", finding::Listing(&findings))?;
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the commands that show the checkpoints of a fleet on this machine: a line each, with its number and a tab before it.
fn print_checkpoints(fleet: &str) -> anyhow::Result<ExitCode> {
    let declaration = Declaration::read(&root()?, fleet)?;
    let mut output = io::stdout().lock();
    declaration.local().try_for_each(|(number, command)| writeln!(output, "{number}\t{}", command.text()))?;
    Ok(ExitCode::SUCCESS)
}

/// The root of the workspace. Cargo's metadata has it too, but not while the lock file lacks a new context.
fn root() -> anyhow::Result<PathBuf> {
    Ok(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?)
}

/// Prints the table of sizes alone.
fn print_sizes() -> anyhow::Result<ExitCode> {
    let workspace = Workspace::read().context("the workspace cannot be read")?;
    let sources = source::read_all(&workspace.root).context("the sources cannot be read")?;
    let rows = [Figures::measure(&sources).rows(), rules::budgets::rows(&workspace.packages, &sources)].concat();
    write!(io::stdout().lock(), "{}", table::Table(&rows))?;
    Ok(ExitCode::SUCCESS)
}

fn findings(workspace: &Workspace, sources: &[Source], figures: &Figures) -> anyhow::Result<Vec<Finding>> {
    let words = rules::fleet_words::Words::of(&workspace.packages, sources);
    let (root, read) = (&workspace.root, source::read_texts);
    let mut all = rules::directions::check(&workspace.packages);
    all.extend(rules::circles::check(&workspace.packages, sources));
    all.extend(rules::reach::check(&workspace.packages, &workspace.graph));
    all.extend(rules::fleet_words::check(&words, &read(&root.join("crates"), root, &["rs", "sql", "toml"])?));
    all.extend(rules::retired_words::check(&read(root, root, rules::retired_words::EXTENSIONS)?));
    all.extend(rules::forbidden::check(sources));
    all.extend(rules::names::check(&workspace.packages, sources));
    all.extend(figures.findings());
    all.extend(render::check(root)?);
    all.extend(rules::budgets::check(&workspace.packages, sources));
    all.extend(rules::checkpoints::check(root, &declarations(root)?, &workspace.packages, sources));
    Ok(all)
}

/// What shows the checkpoints in each fleet.
fn declarations(root: &Path) -> anyhow::Result<Vec<Declaration>> {
    render::fleets(root)?.iter().map(|fleet| Declaration::read(root, &fleet.name)).collect()
}
