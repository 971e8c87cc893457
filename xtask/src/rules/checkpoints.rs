//! What a fleet declares to show its checkpoints exists: tests, scripts, and fleets that show something for another.

use crate::{
    checkpoints::{CHECKPOINTS, Command, Declaration},
    finding::Finding,
    source::Source,
    workspace::Package,
};
use proc_macro2::TokenTree;
use std::{collections::BTreeSet, path::Path};
use syn::visit::Visit;

/// One finding per command, and per fleet that is named in vain.
pub fn check(root: &Path, fleets: &[Declaration], packages: &[Package], sources: &[Source]) -> Vec<Finding> {
    let tests = tests(packages, sources);
    let mut all = Vec::new();
    for fleet in fleets {
        let path = Declaration::path(&fleet.fleet);
        let commands = fleet.evidence.iter().flat_map(|evidence| &evidence.commands);
        let missing = commands.filter(|command| !exists(root, &tests, command));
        all.extend(missing.map(|command| Finding::at(&path, format!("`{}`: there is no such thing", command.text()))));
        all.extend(in_vain(fleet, fleets).map(|text| Finding::at(&path, text)));
    }
    all
}

fn exists(root: &Path, tests: &BTreeSet<(&str, String)>, command: &Command) -> bool {
    match command {
        Command::Test { package, name, .. } => {
            let function = name.rsplit("::").next().unwrap_or_default();
            tests.contains(&(package.as_str(), function.to_owned()))
        }
        Command::Script { path, .. } => root.join(path).is_file(),
    }
}

/// Checkpoints for which a fleet names another one that shows them no more than itself.
fn in_vain<'a>(fleet: &'a Declaration, fleets: &'a [Declaration]) -> impl Iterator<Item = String> + 'a {
    CHECKPOINTS.iter().zip(&fleet.evidence).enumerate().filter_map(|(index, (checkpoint, evidence))| {
        let other = evidence.shown_in.as_ref()?;
        let named = fleets.iter().find(|one| one.fleet == *other && *other != fleet.fleet);
        let shows = named.is_some_and(|one| !one.evidence[index].commands.is_empty());
        (!shows).then(|| format!("[{}]: the fleet {other} has no command that shows it", checkpoint.key))
    })
}

/// The functions of tests, by their packages. A test with a runner of its own has no attribute: its file decides.
fn tests<'a>(packages: &'a [Package], sources: &[Source]) -> BTreeSet<(&'a str, String)> {
    let mut tests = BTreeSet::new();
    for source in sources {
        // A contract lies in the folder of its service: the innermost package has the file.
        let has = packages.iter().filter(|package| source.path.starts_with(&format!("{}/", package.folder)));
        if let Some(package) = has.max_by_key(|package| package.folder.len()) {
            let mut functions = Functions(Vec::new());
            functions.visit_file(&source.tree);
            let of_tests = functions.0.into_iter().filter(|(line, _)| source.is_test(*line));
            tests.extend(of_tests.map(|(_, name)| (package.name.as_str(), name)));
        }
    }
    tests
}

struct Functions(Vec<(usize, String)>);

impl Visit<'_> for Functions {
    fn visit_item_fn(&mut self, item: &syn::ItemFn) {
        self.0.push((item.sig.ident.span().start().line, item.sig.ident.to_string()));
        syn::visit::visit_item_fn(self, item);
    }

    /// `proptest!` has tests, too.
    fn visit_item_macro(&mut self, item: &syn::ItemMacro) {
        let tokens: Vec<TokenTree> = item.mac.tokens.clone().into_iter().collect();
        for pair in tokens.windows(2) {
            if let [TokenTree::Ident(word), TokenTree::Ident(name)] = pair
                && word == "fn"
            {
                self.0.push((name.span().start().line, name.to_string()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, folder: &str) -> Package {
        Package { name: name.to_owned(), folder: folder.to_owned(), dependencies: Vec::new() }
    }

    fn declaration(fleet: &str, lines: &str) -> Declaration {
        let section = |key: &str, lines: &str| format!("[{key}]\nabout = \"A.\"\n{lines}\n");
        let rest = CHECKPOINTS[1..].iter().map(|checkpoint| section(checkpoint.key, "commands = [\"scripts/a\"]"));
        Declaration::parse(fleet, &format!("{}{}", section("saga", lines), rest.collect::<String>())).unwrap()
    }

    fn texts(fleets: &[Declaration]) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("scripts")).unwrap();
        std::fs::write(root.path().join("scripts/a"), "").unwrap();
        let packages = [package("a", "crates/a"), package("a-inner", "crates/a/inner")];
        let sources = [
            Source::parse("crates/a/src/lib.rs", "fn code() {}\n#[test]\nfn it_holds() {}\n").unwrap(),
            Source::parse(
                "crates/a/inner/tests/it.rs",
                "pub async fn a_case() {}\nproptest! { #[test] fn any(a: u8) {} }\n",
            )
            .unwrap(),
        ];
        check(root.path(), fleets, &packages, &sources).into_iter().map(|finding| finding.text).collect()
    }

    fn of_command(command: &str) -> Vec<String> {
        texts(&[declaration("harbour", &format!("commands = [\"{command}\"]"))])
    }

    #[test]
    fn a_test_is_a_function_of_a_test_in_its_package() {
        assert_eq!(of_command("cargo test --package a --lib tests::it_holds"), Vec::<String>::new());
        assert_eq!(of_command("cargo test --package a-inner --test it a_case"), Vec::<String>::new());
        assert_eq!(of_command("cargo test --package a-inner --test it any"), Vec::<String>::new());
        let missing = |command: &str| vec![format!("`{command}`: there is no such thing")];
        for command in [
            "cargo test --package a --lib code",
            "cargo test --package a --test it a_case",
            "cargo test --package a --lib it_holds_not",
            "scripts/b --fleet harbour",
        ] {
            assert_eq!(of_command(command), missing(command));
        }
    }

    #[test]
    fn a_fleet_that_shows_it_has_a_command() {
        let (own, quay) = (declaration("harbour", "commands = [\"scripts/a\"]"), "shown_in = \"harbour\"");
        assert_eq!(texts(&[own, declaration("quay", quay)]), Vec::<String>::new());
        let findings = texts(&[declaration("harbour", "shown_in = \"quay\""), declaration("quay", quay)]);
        let expected =
            ["quay", "harbour"].map(|other| format!("[saga]: the fleet {other} has no command that shows it"));
        assert_eq!(findings, expected);
    }
}
