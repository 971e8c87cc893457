//! Source files, read and parsed, and the lines in them that belong to tests.

use anyhow::Context;
use proc_macro2::{TokenStream, TokenTree};
use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
};
use syn::{spanned::Spanned, visit::Visit};

/// A Rust file.
pub struct Source {
    /// Relative to the root of the workspace.
    pub path: String,
    /// The content.
    pub text: String,
    /// The syntax tree.
    pub tree: syn::File,
    /// Test modules that are files of their own.
    test_modules: Vec<String>,
    test_lines: Vec<RangeInclusive<usize>>,
}

/// Any text file.
#[derive(Debug)]
pub struct Text {
    /// Relative to the root of the workspace.
    pub path: String,
    /// The content.
    pub text: String,
}

impl Source {
    /// # Errors
    ///
    /// If the text is not valid Rust; with the position.
    pub fn parse(path: &str, text: &str) -> anyhow::Result<Self> {
        let tree = syn::parse_file(text).with_context(|| path.to_owned())?;
        let mut tests = TestFinder::default();
        tests.visit_file(&tree);
        if path.split('/').any(|part| part == "tests" || part == "benches") {
            tests.lines.push(1..=usize::MAX);
        }
        let TestFinder { lines, modules } = tests;
        Ok(Self { path: path.to_owned(), text: text.to_owned(), tree, test_modules: modules, test_lines: lines })
    }

    /// Whether the line belongs to a test.
    pub fn is_test(&self, line: usize) -> bool {
        self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    /// The number of lines that are neither blank nor tests.
    pub fn code_lines(&self) -> usize {
        self.code_lines_between(1, usize::MAX)
    }

    /// As [`Self::code_lines`], between two lines, inclusive.
    pub fn code_lines_between(&self, first: usize, last: usize) -> usize {
        let numbered = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        let counted = |&(number, line): &(usize, &str)| {
            (first..=last).contains(&number) && !line.trim().is_empty() && !self.is_test(number)
        };
        numbered.filter(counted).count()
    }

    /// The paths of the test modules, from `#[cfg(test)] mod name;`.
    fn test_files(&self) -> impl Iterator<Item = String> + '_ {
        let folder = match self.path.rsplit_once('/') {
            Some((folder, "lib.rs" | "main.rs" | "mod.rs")) => folder,
            _ => self.path.trim_end_matches(".rs"),
        };
        self.test_modules.iter().map(move |module| format!("{folder}/{module}.rs"))
    }
}

#[derive(Default)]
struct TestFinder {
    lines: Vec<RangeInclusive<usize>>,
    modules: Vec<String>,
}

impl Visit<'_> for TestFinder {
    fn visit_item_mod(&mut self, item: &syn::ItemMod) {
        if !is_for_tests(&item.attrs) {
            return syn::visit::visit_item_mod(self, item);
        }
        match item.content {
            Some(_) => self.lines.push(lines_of(item)),
            None => self.modules.push(item.ident.to_string()),
        }
    }

    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        if is_for_tests(&item.attrs) {
            self.lines.push(lines_of(item));
        }
    }

    fn visit_item_fn(&mut self, item: &syn::ItemFn) {
        if is_for_tests(&item.attrs) {
            self.lines.push(lines_of(item));
        }
    }

    fn visit_item_impl(&mut self, item: &syn::ItemImpl) {
        if is_for_tests(&item.attrs) {
            self.lines.push(lines_of(item));
        }
    }
}

/// `#[cfg(test)]`, `#[test]`, `#[tokio::test]`.
pub fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let last = attribute.path().segments.last();
        let condition = attribute.meta.require_list().ok().filter(|list| list.path.is_ident("cfg"));
        last.is_some_and(|last| last.ident == "test") || condition.is_some_and(|list| names_test(&list.tokens))
    })
}

/// Whether a condition of `cfg` names `test`, other than in a `not(…)`.
fn names_test(condition: &TokenStream) -> bool {
    let mut negated = false;
    condition.clone().into_iter().any(|token| match token {
        TokenTree::Ident(name) => {
            negated = name == "not";
            name == "test"
        }
        TokenTree::Group(group) => !negated && names_test(&group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

fn lines_of(item: &impl Spanned) -> RangeInclusive<usize> {
    let span = item.span();
    span.start().line..=span.end().line
}

/// All Rust files of the workspace, also files that git does not track.
pub fn read_all(root: &Path) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for folder in ["crates", "fuzz", "gateway", "services", "xtask"] {
        for Text { path, text } in read_texts(&root.join(folder), root, &["rs"])? {
            sources.push(Source::parse(&path, &text)?);
        }
    }
    mark_test_files(&mut sources);
    Ok(sources)
}

fn mark_test_files(sources: &mut [Source]) {
    let for_tests: Vec<String> = sources.iter().flat_map(Source::test_files).collect();
    for source in sources.iter_mut().filter(|source| for_tests.contains(&source.path)) {
        source.test_lines.push(1..=usize::MAX);
    }
}

/// The files with one of these extensions below a folder.
pub fn read_texts(folder: &Path, root: &Path, extensions: &[&str]) -> anyhow::Result<Vec<Text>> {
    let mut files = Vec::new();
    collect(folder, extensions, &mut files).with_context(|| folder.display().to_string())?;
    files.sort();
    files.into_iter().map(|file| read_text(&file, root)).collect()
}

fn collect(folder: &Path, extensions: &[&str], files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            collect(&path, extensions, files)?;
        } else if extensions.iter().any(|extension| is(name, extension)) {
            files.push(path);
        }
    }
    Ok(())
}

fn read_text(file: &Path, root: &Path) -> anyhow::Result<Text> {
    let path = file.strip_prefix(root)?.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| path.clone())?;
    Ok(Text { path, text })
}

/// Whether the path has this extension.
pub fn is(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIXED: &str = "fn a() {\n}\n\n#[cfg(test)]\nmod tests {\n    fn b() {\n    }\n}\n#[test]\nfn c() {}\n";

    #[test]
    fn lines_of_tests_are_not_code() {
        let source = Source::parse("crates/a/src/lib.rs", MIXED).unwrap();
        let tests: Vec<usize> = (1..=10).filter(|line| source.is_test(*line)).collect();
        assert_eq!((tests, source.code_lines()), (vec![4, 5, 6, 7, 8, 9, 10], 2));
    }

    #[test]
    fn a_file_below_tests_is_a_test() {
        assert_eq!(Source::parse("crates/a/tests/it.rs", "fn a() {}").unwrap().code_lines(), 0);
    }

    #[test]
    fn code_that_is_excluded_from_tests_is_code() {
        let source = Source::parse("crates/a/src/lib.rs", "#[cfg(not(test))]\nmod real {}\n").unwrap();
        assert_eq!(source.code_lines(), 2);
    }

    #[test]
    fn a_module_for_tests_in_a_file_of_its_own_is_a_test() {
        let mut sources = [
            Source::parse("crates/a/src/lib.rs", "#[cfg(test)]\nmod probe;\nmod b;").unwrap(),
            Source::parse("crates/a/src/probe.rs", "fn a() {}").unwrap(),
            Source::parse("crates/a/src/b.rs", "#[cfg(all(test, unix))]\nmod tests;\nfn b() {}").unwrap(),
            Source::parse("crates/a/src/b/tests.rs", "fn a() {}").unwrap(),
        ];
        mark_test_files(&mut sources);
        assert_eq!(sources.map(|source| source.code_lines()), [3, 0, 3, 0]);
    }
}
