//! The rendered files, compared with those in the repository.

use crate::source;
use anyhow::Context as _;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// How the first line of every rendered file begins, after the sign of a comment.
const GENERATOR: &str = "Rendered by `cargo xtask render` from ";
/// The folders that have rendered files, and the endings of their names.
const FOLDERS: [&str; 5] = ["compose", "docs", "k8s", "observability", "services"];
const EXTENSIONS: &[&str] = &["md", "rs", "toml", "txt", "yaml", "yml"];

/// Texts by their paths, relative to the root of the repository.
#[derive(Default)]
pub struct Rendered(BTreeMap<String, String>);

impl Rendered {
    /// Adds a file. `source` is the declaration to edit instead.
    pub fn add(&mut self, path: String, source: &str, text: &str) {
        let (sign, end) = match path.rsplit_once('.') {
            Some((_, "rs")) => ("//", ""),
            Some((_, "md")) => ("<!--", " -->"),
            _ => ("#", ""),
        };
        self.0.insert(path, format!("{sign} {GENERATOR}{source}: edit that, not this file.{end}\n{text}"));
    }

    /// Adds a file that people write, except for a part of it.
    pub fn add_whole(&mut self, path: String, text: String) {
        self.0.insert(path, text);
    }

    /// The paths of the files that are missing, differ, or are no longer rendered.
    pub fn changed(&self, root: &Path) -> anyhow::Result<Vec<String>> {
        let present = present(root)?;
        let differing = self.0.iter().filter(|(path, text)| present.get(*path) != Some(text)).map(|(path, _)| path);
        let changed: BTreeSet<&String> = differing.chain(self.stale(&present)).collect();
        Ok(changed.into_iter().cloned().collect())
    }

    /// Brings the repository up to date. Returns the paths that changed.
    pub fn write(&self, root: &Path) -> anyhow::Result<Vec<String>> {
        let changed = self.changed(root)?;
        for path in &changed {
            let file = root.join(path);
            match self.0.get(path) {
                Some(text) => write(&file, text),
                None => remove(&file),
            }
            .with_context(|| path.clone())?;
        }
        Ok(changed)
    }

    fn stale<'a>(&self, present: &'a BTreeMap<String, String>) -> impl Iterator<Item = &'a String> {
        let rendered = present.iter().filter(|(_, text)| is_rendered(text)).map(|(path, _)| path);
        rendered.filter(|path| !self.0.contains_key(*path))
    }

    /// The text of a file, without its first line.
    #[cfg(test)]
    pub fn text(&self, path: &str) -> &str {
        self.0[path].split_once('\n').map_or("", |(_, text)| text)
    }

    /// All paths and texts.
    #[cfg(test)]
    pub fn files(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter()
    }
}

fn is_rendered(text: &str) -> bool {
    text.trim_start_matches(['#', '/', '<', '!', '-', ' ']).starts_with(GENERATOR)
}

/// The files that could be rendered ones.
fn present(root: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut present = BTreeMap::new();
    for folder in FOLDERS.map(|folder| root.join(folder)).iter().filter(|folder| folder.is_dir()) {
        let texts = source::read_texts(folder, root, EXTENSIONS)?;
        present.extend(texts.into_iter().map(|text| (text.path, text.text)));
    }
    Ok(present)
}

fn write(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, text)
}

/// Removes a file, and its folder if that is empty then.
fn remove(file: &Path) -> std::io::Result<()> {
    fs::remove_file(file)?;
    let folder = file.parent().filter(|folder| folder.read_dir().is_ok_and(|mut entries| entries.next().is_none()));
    folder.map_or(Ok(()), fs::remove_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(files: &[&str]) -> Rendered {
        let mut rendered = Rendered::default();
        for path in files {
            rendered.add((*path).to_owned(), "a.toml", "text\n");
        }
        rendered
    }

    #[test]
    fn a_second_run_changes_nothing_and_an_edited_missing_or_stale_file_is_found() {
        let root = tempfile::tempdir().unwrap();
        let (one, other) = ("docs/a/one.md", "compose/other.yaml");
        let both = rendered(&[one, other]);
        assert_eq!(both.write(root.path()).unwrap(), [other, one]);
        assert_eq!(both.changed(root.path()).unwrap(), Vec::<String>::new());
        fs::write(root.path().join(one), "edited").unwrap();
        fs::remove_file(root.path().join(other)).unwrap();
        assert_eq!(both.write(root.path()).unwrap(), [other, one]);
        assert_eq!(rendered(&[other]).write(root.path()).unwrap(), [one]);
        assert!(!root.path().join("docs/a").exists());
    }

    #[test]
    fn a_file_of_people_stays() {
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join("k8s/own.yaml");
        write(&own, "# Written by hand.\n").unwrap();
        assert_eq!(rendered(&[]).write(root.path()).unwrap(), Vec::<String>::new());
        assert!(own.is_file());
    }
}
