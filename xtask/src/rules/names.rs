//! A file, folder, module or package is named after its content, not as a container.

use crate::{finding::Finding, source::Source, workspace::Package};
use syn::{spanned::Spanned, visit::Visit};

const EMPTY_NAMES: &[&str] = &["common", "core", "helper", "helpers", "manager", "managers", "shared", "util", "utils"];

/// One finding per name.
pub fn check(packages: &[Package], sources: &[Source]) -> Vec<Finding> {
    let packages = packages.iter().filter(|package| is_empty_name(&package.name));
    let mut all: Vec<Finding> = packages.map(|package| finding(&package.manifest(), &package.name)).collect();
    for source in sources {
        let parts = source.path.trim_end_matches(".rs").split('/');
        all.extend(parts.filter(|part| is_empty_name(part)).map(|part| finding(&source.path, part)));
        all.extend(modules(source));
    }
    all
}

fn is_empty_name(name: &str) -> bool {
    name.split(['-', '_']).any(|word| EMPTY_NAMES.contains(&word))
}

fn finding(place: &str, name: &str) -> Finding {
    Finding::at(place, format!("`{name}` describes no content: choose a name that does"))
}

/// Findings about inline modules; other modules are files.
fn modules(source: &Source) -> Vec<Finding> {
    let mut inline = Inline(Vec::new());
    inline.visit_file(&source.tree);
    let bad = inline.0.into_iter().filter(|(_, name)| is_empty_name(name));
    bad.map(|(line, name)| finding(&format!("{}:{line}", source.path), &name)).collect()
}

struct Inline(Vec<(usize, String)>);

impl Visit<'_> for Inline {
    fn visit_item_mod(&mut self, item: &syn::ItemMod) {
        if item.content.is_some() {
            self.0.push((item.span().start().line, item.ident.to_string()));
        }
        syn::visit::visit_item_mod(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(package: &str, path: &str, text: &str) -> Vec<String> {
        let package = Package { name: package.to_owned(), folder: "crates/a".to_owned(), dependencies: Vec::new() };
        let findings = check(&[package], &[Source::parse(path, text).unwrap()]);
        findings.into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn packages_folders_files_and_modules_are_checked() {
        assert_eq!(places("a-common", "crates/a/src/lib.rs", ""), ["crates/a/Cargo.toml"]);
        assert_eq!(places("a", "crates/shared/src/lib.rs", ""), ["crates/shared/src/lib.rs"]);
        assert_eq!(places("a", "crates/a/src/string_utils.rs", ""), ["crates/a/src/string_utils.rs"]);
        assert_eq!(places("a", "crates/a/src/lib.rs", "mod b {\n mod helper {} }"), ["crates/a/src/lib.rs:2"]);
    }

    #[test]
    fn a_word_inside_another_is_ignored() {
        assert_eq!(places("score", "crates/scores/src/commonly.rs", "mod utility {}"), Vec::<String>::new());
    }
}
