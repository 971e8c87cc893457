//! The files below `contracts/matching`, and the statements of the contexts, held against the types. What to do when a test
//! fails here: `docs/contracts.md`.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

use contracts::asyncapi::{self, Fleet};
use contracts::kept::{self, Update};
use contracts::{Published, Statement, verdict};
use messaging::{DeadLetter, REDRIVEN_FOR, Redriven};

/// What each context publishes. One that has a contract and is not in the catalog fails a test below.
fn published() -> Vec<Published> {
    matching_catalog::published().unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn dead_letters() -> Published {
    let (dead, redriven) = (contracts::schema::<DeadLetter>(), contracts::schema::<Redriven>());
    let events = [(DeadLetter::KIND.to_owned(), dead), (Redriven::KIND.to_owned(), redriven)].into();
    Published { context: "dead-letters".to_owned(), events }
}

/// The folder of the fleet's services.
fn services() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn kept_in(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../contracts/matching")).canonicalize().unwrap().join(name)
}

fn readers() -> Vec<Statement> {
    Statement::all(services()).unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn holds(outcome: Result<(), String>) {
    outcome.unwrap_or_else(|wrong| panic!("{wrong}"));
}

#[test]
fn what_each_context_reads_is_promised_by_whoever_tells_it() {
    let (readers, published) = (readers(), published());
    assert!(readers.len() > 1, "the statements are found");
    let unkept: Vec<String> = readers.iter().flat_map(|reader| reader.unkept(&published)).collect();
    holds(verdict("a context says less than others read:", &unkept));
}

#[test]
fn the_files_are_what_the_types_say_and_break_no_reader() {
    let (published, dead_letters, readers) = (published(), dead_letters(), readers());
    let update = Update::asked().unwrap_or_else(|wrong| panic!("{wrong}"));
    let all = [published.clone(), vec![dead_letters.clone()]].concat();
    holds(kept::events(&kept_in("events"), &all, &readers, update));
    let fleet = Fleet {
        name: "flotilla",
        title: "Flotilla: matching",
        description: "Students ask for matches and pay, tutors take the visits. One topic per context, a record per event \
                      (CloudEvents 1.0, binary mode), in order per match. Events come at least once, and in any order across \
                      topics.",
        version: env!("CARGO_PKG_VERSION"),
        key: "The match id, as decimal digits.",
        published: &published,
        dead_letters: &dead_letters,
        sent_again: REDRIVEN_FOR,
        readers: &readers,
    };
    let document = asyncapi::document(&fleet).unwrap();
    let stale =
        Update::asked().and_then(|update| kept::document(&kept_in("asyncapi.json"), &document, update)).unwrap();
    holds(verdict(&kept::how_to_write(), &Vec::from_iter(stale)));
}

#[test]
fn whoever_has_a_contract_is_held_to_it() {
    let published = published();
    for folder in services().read_dir().unwrap().map(|folder| folder.unwrap()) {
        let name = folder.file_name().into_string().unwrap();
        let has_one = folder.path().join("contract/Cargo.toml").exists();
        let is_held = published.iter().any(|published| published.context == name);
        assert_eq!(has_one, is_held, "{name} has a contract: `events` in its context.toml names the type");
    }
}

/// A file that no test reads promises nothing: whoever states something holds himself to it, and whoever is asked too.
#[test]
fn each_statement_has_its_tests() {
    let services = services();
    for reader in readers() {
        assert!(is_tested(&services.join(&reader.reader), &["Statement::of("]), "no test holds {}", reader.name());
    }
    for asks in files_in(services, 2).into_iter().filter(|file| file.parent().unwrap().ends_with("asks")) {
        let callee = asks.file_stem().unwrap().to_str().unwrap();
        let named = format!("\"{callee}\"");
        let principal = asks.ancestors().nth(2).unwrap();
        assert!(is_tested(principal, &["Asks::of(", &named]), "no test of who asks holds {}", asks.display());
        assert!(
            is_tested(&services.join(callee), &["Asks::all(", &named]),
            "no test of {callee} holds {}",
            asks.display()
        );
    }
}

/// Whether a file among the tests of a package has all these words.
fn is_tested(package: &Path, words: &[&str]) -> bool {
    let tests = package.join("tests");
    let mut files = [files_in(&tests, 0), files_in(&tests, 1)].concat().into_iter();
    files.any(|file| fs::read_to_string(file).is_ok_and(|text| words.iter().all(|word| text.contains(word))))
}

/// The files that are just so many folders below this one.
fn files_in(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let entries = folder.read_dir().into_iter().flatten().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    if depth == 0 { files } else { folders.iter().flat_map(|folder| files_in(folder, depth - 1)).collect() }
}
