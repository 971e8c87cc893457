//! No circle of imports within a package: each file can be read, moved and tested with the files below it alone.

use crate::{
    finding::Finding,
    imports::{self, Imports},
    source::Source,
    workspace::Package,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// One finding per circle: its files, and the shortest way round with the lines of the imports.
pub fn check(packages: &[Package], sources: &[Source]) -> Vec<Finding> {
    let roots =
        packages.iter().flat_map(|package| sources.iter().filter(|source| is_root(&source.path, &package.folder)));
    roots.flat_map(|root| circles(&imports::of(root, sources))).collect()
}

fn is_root(path: &str, folder: &str) -> bool {
    let below = path.strip_prefix(folder).and_then(|rest| rest.strip_prefix("/src/"));
    below.is_some_and(|file| matches!(file, "lib.rs" | "main.rs") || file.starts_with("bin/"))
}

fn circles(imports: &Imports) -> Vec<Finding> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = imports.keys().map(|file| (*file, reached(file, imports))).collect();
    let mut reported = BTreeSet::new();
    let mut findings = Vec::new();
    for (file, files) in &reached {
        if files.contains(file) && !reported.contains(file) {
            let reaches_back = |other: &&&str| reached.get(*other).is_some_and(|files| files.contains(file));
            let circle: Vec<&str> = files.iter().filter(reaches_back).copied().collect();
            findings.push(finding(file, &circle, imports));
            reported.extend(circle);
        }
    }
    findings
}

/// All files that a file imports from, directly or through others.
fn reached<'a>(file: &str, imports: &Imports<'a>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![file];
    while let Some(next) = waiting.pop() {
        for target in imports.get(next).into_iter().flatten().map(|(target, _)| *target) {
            if reached.insert(target) {
                waiting.push(target);
            }
        }
    }
    reached
}

fn finding(first: &str, circle: &[&str], imports: &Imports) -> Finding {
    let steps = shortest(first, imports);
    let line = steps.first().map_or(1, |(_, line)| *line);
    let way: Vec<String> = steps.iter().map(|(file, line)| format!("{file}:{line}")).collect();
    let text = format!(
        "circle of imports between {} files: {}; the shortest way round: {} → {first}",
        circle.len(),
        circle.join(", "),
        way.join(" → ")
    );
    Finding::on_line(first, line, text)
}

/// The shortest way from a file back to itself: each file on it, with the line that imports the next.
fn shortest<'a>(first: &'a str, imports: &Imports<'a>) -> Vec<(&'a str, usize)> {
    let mut came_from = BTreeMap::new();
    let mut waiting = VecDeque::from([first]);
    while let Some(file) = waiting.pop_front() {
        for (target, line) in imports.get(file).into_iter().flatten() {
            came_from.entry(*target).or_insert_with(|| {
                waiting.push_back(target);
                (file, *line)
            });
        }
    }
    let mut steps: Vec<(&str, usize)> = came_from.get(first).copied().into_iter().collect();
    while let Some((file, _)) = steps.last().filter(|(file, _)| *file != first)
        && let Some(before) = came_from.get(file)
    {
        steps.push(*before);
    }
    steps.reverse();
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in a package of these files below `src/`.
    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let package = Package { name: "a".to_owned(), folder: "crates/a".to_owned(), dependencies: Vec::new() };
        let sources = files.iter().map(|(path, text)| Source::parse(&format!("crates/a/src/{path}"), text).unwrap());
        let findings = check(&[package], &sources.collect::<Vec<_>>());
        let shown = findings.into_iter().map(|finding| format!("{}: {}", finding.place, finding.text));
        shown.map(|text| text.replace("crates/a/src/", "")).collect()
    }

    /// Whether `a.rs` and `b.rs`, of which the second imports from the first, make a circle.
    fn is_circle(a: &str) -> bool {
        let b = "use crate::a::A;\npub struct B;\npub fn b() {}\n";
        !found(&[("lib.rs", "mod a;\nmod b;\npub use b::B;\n"), ("a.rs", &format!("pub struct A;\n{a}")), ("b.rs", b)])
            .is_empty()
    }

    #[test]
    fn a_circle_is_found_with_its_files_and_the_lines_of_its_imports() {
        let files = [
            ("lib.rs", "mod boat;\nmod hull;\nmod sail;\nmod wood;\n"),
            ("boat.rs", "use crate::hull::Hull;\nuse crate::sail::Sail;\npub struct Boat;\n"),
            ("hull.rs", "use crate::wood::Wood;\npub struct Hull;\n"),
            ("sail.rs", "use crate::wood::Wood;\n\nuse crate::boat::Boat;\npub struct Sail;\n"),
            ("wood.rs", "pub struct Wood;\n"),
        ];
        let circle = "boat.rs:2: circle of imports between 2 files: boat.rs, sail.rs; \
                      the shortest way round: boat.rs:2 → sail.rs:3 → boat.rs";
        assert_eq!(found(&files), [circle]);
    }

    #[test]
    fn imports_are_found_in_every_form() {
        for import in [
            "use crate::b::B;",
            "use crate::{b::{B as C}};",
            "use crate::B;",
            "use super::b::B;",
            "use super::B;",
            "use super::*; fn a(_: B) {}",
            "use crate::b::*; fn a(_: B) {}",
            "use crate::b; fn a() { b::b() }",
            "use super::b as c; fn a() { c::b() }",
            "fn a() { use crate::b::b; b() }",
            "fn a(_: Vec<crate::B>) {}",
            "fn a() { print!(\"{:?}\", super::b::b()) }",
            "#[arg(with = crate::b::b)] struct C;",
            "pub(crate) use crate::b::B; fn a(_: B) {}",
            "mod c { use super::super::b::B; }",
        ] {
            assert!(is_circle(import), "{import}");
        }
    }

    #[test]
    fn a_reexport_a_name_of_another_crate_and_a_test_are_no_imports() {
        for other in [
            "pub use crate::b::B;",
            "pub(crate) use super::b::B;",
            "use crate::b;",
            "use ::b::B;",
            "use b::B;",
            "fn b() {} fn c() { b() }",
            "#[cfg(test)] use crate::b::B;",
            "#[cfg(test)] mod tests { use crate::b::B; }",
            "#[test] fn a() { crate::b::b() }",
        ] {
            assert!(!is_circle(other), "{other}");
        }
    }

    #[test]
    fn a_folder_module_may_reexport_its_files_but_not_use_them_while_they_use_it() {
        let folder = |a: &str| {
            let file = "use super::A;\npub struct B(pub A);\n";
            found(&[("lib.rs", "mod a;\n"), ("a.rs", &format!("mod b;\npub struct A;\n{a}")), ("a/b.rs", file)])
        };
        assert_eq!(folder("pub use b::B;"), Vec::<String>::new());
        assert_eq!(folder("pub use b::B; fn a(_: B) {}").len(), 1);
        assert_eq!(folder("use b::B;").len(), 1);
    }

    #[test]
    fn the_roots_of_a_package_are_checked_each_with_its_own_modules() {
        let (circle, none) = ("mod a;\nfn b() { a::a() }\n", "mod a;\n");
        let a = "pub fn a() { crate::b() }\n";
        assert_eq!(found(&[("lib.rs", circle), ("a.rs", a)]).len(), 1);
        assert_eq!(found(&[("main.rs", circle), ("a.rs", a)]).len(), 1);
        assert_eq!(found(&[("lib.rs", none), ("a.rs", a)]).len(), 0);
    }
}
