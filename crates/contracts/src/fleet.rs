//! The checks of a fleet's contracts: the files below `contracts/FLEET` and the statements of its contexts.
#![expect(clippy::unwrap_used, clippy::panic, reason = "only tests use this crate, and what fails here fails the test")]
#![expect(clippy::missing_panics_doc, reason = "each check panics if it fails")]

use std::fs;
use std::path::{Path, PathBuf};

use messaging::{DeadLetter, REDRIVEN_FOR, Redriven};
use serde_json::Value;
use utoipa::openapi::OpenApi;

use crate::generated::{self, Update};
use crate::{ConsumerContract, Published, asyncapi, openapi, verdict};

/// The contracts of a fleet. Each check panics with all violations, for the author of the change.
pub struct FleetContracts {
    /// The name of the fleet.
    pub name: &'static str,
    /// Its contexts, in a sentence or two.
    pub about: &'static str,
    /// The keys of its records, such as "The match id, as decimal digits."
    pub key: &'static str,
    /// The version of its documents.
    pub version: &'static str,
    /// The events of its contexts.
    pub published: Vec<Published>,
    /// The documents of its contexts.
    pub documents: Vec<OpenApi>,
    /// The document of all that the gateway serves.
    pub open: OpenApi,
}

impl FleetContracts {
    /// The documents are what the code implies, and no change of them breaks a client.
    pub fn assert_documents(&self) {
        let update = Update::asked().unwrap_or_else(|wrong| panic!("{wrong}"));
        let own = self.documents.iter().map(|document| {
            let file = self.folder().join(format!("openapi/{}.json", document.info.title));
            (file, serde_json::to_value(document).unwrap())
        });
        // The fleet's document is beside the routes that name it; the folder of contracts has a link to it.
        let open = (self.services().join("openapi.json"), serde_json::to_value(&self.open).unwrap());
        let all: Vec<(PathBuf, Value)> = own.chain([open]).collect();
        let broken = all.iter().flat_map(|(file, now)| {
            let kept: Value = fs::read_to_string(file).map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
            openapi::breaking(&kept, now)
        });
        let broken: Vec<String> = broken.collect();
        if update != Update::Anything {
            let how = "this change breaks clients. How to go on: docs/contracts.md. If there are none: \
                       UPDATE_CONTRACTS=breaking";
            assert_ok(verdict(how, &broken));
        }
        let stale: Vec<String> =
            all.iter().filter_map(|(file, now)| generated::document(file, now, update).unwrap()).collect();
        assert_ok(verdict(&generated::how_to_write(), &stale));
    }

    /// The schemas and the `AsyncAPI` document are what the types imply, and no change of them breaks a consumer.
    pub fn assert_events(&self) {
        let (dead_letters, readers) = (dead_letters(), self.readers());
        let update = Update::asked().unwrap_or_else(|wrong| panic!("{wrong}"));
        let all = [self.published.clone(), vec![dead_letters.clone()]].concat();
        assert_ok(generated::events(&self.folder().join("events"), &all, &readers, update));
        let description = format!(
            "{} One topic per context, a record per event (CloudEvents 1.0, binary mode), in order per key. Events come \
             at least once, and in any order across topics.",
            self.about
        );
        let fleet = asyncapi::Fleet {
            name: "flotilla",
            title: &format!("Flotilla: {}", self.name),
            description: &description,
            version: self.version,
            key: self.key,
            published: &self.published,
            dead_letters: &dead_letters,
            sent_again: REDRIVEN_FOR,
            readers: &readers,
        };
        let document = asyncapi::document(&fleet).unwrap();
        let stale = generated::document(&self.folder().join("asyncapi.json"), &document, update).unwrap();
        assert_ok(verdict(&generated::how_to_write(), &Vec::from_iter(stale)));
    }

    /// What each context consumes is published.
    pub fn assert_consumers(&self) {
        let readers = self.readers();
        assert!(readers.len() > 1, "the consumer contracts are found");
        let violations: Vec<String> = readers.iter().flat_map(|reader| reader.violations(&self.published)).collect();
        assert_ok(verdict("a context publishes less than others consume:", &violations));
    }

    /// Each context with a contract is in the catalog, and the tests of both sides verify each file: one that no test
    /// reads promises nothing.
    pub fn assert_tested(&self) {
        let services = self.services();
        for folder in services.read_dir().unwrap().map(|folder| folder.unwrap()) {
            let name = folder.file_name().into_string().unwrap();
            let has_contract = folder.path().join("contract/Cargo.toml").exists();
            let is_published = self.published.iter().any(|published| published.context == name);
            let how = "`events` in its context.toml names the type";
            assert_eq!(has_contract, is_published, "{name} has a contract: {how}");
        }
        for reader in self.readers() {
            assert!(
                is_tested(&services.join(&reader.reader), &["assert_consumer_contract("]),
                "no test checks {}",
                reader.name()
            );
        }
        let requests =
            files_in(&services, 2).into_iter().filter(|file| file.parent().unwrap().ends_with("interactions"));
        for file in requests {
            let provider = file.file_stem().unwrap().to_str().unwrap();
            let (quoted, caller) = (format!("\"{provider}\""), file.ancestors().nth(2).unwrap());
            assert!(
                is_tested(caller, &["Interactions::of(", &quoted]),
                "no test of the caller checks {}",
                file.display()
            );
            let is_checked = is_tested(&services.join(provider), &["Interactions::all(", &quoted]);
            assert!(is_checked, "no test of {provider} checks {}", file.display());
        }
    }

    /// The folder with the schemas of the events.
    pub fn events(&self) -> PathBuf {
        self.folder().join("events")
    }

    fn folder(&self) -> PathBuf {
        root().join("contracts").join(self.name)
    }

    fn services(&self) -> PathBuf {
        root().join("services").join(self.name)
    }

    fn readers(&self) -> Vec<ConsumerContract> {
        ConsumerContract::all(&self.services()).unwrap_or_else(|wrong| panic!("{wrong}"))
    }
}

fn root() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).canonicalize().unwrap()
}

fn assert_ok(outcome: Result<(), String>) {
    outcome.unwrap_or_else(|wrong| panic!("{wrong}"));
}

fn dead_letters() -> Published {
    let (dead, redriven) = (crate::schema::<DeadLetter>(), crate::schema::<Redriven>());
    let events = [(DeadLetter::KIND.to_owned(), dead), (Redriven::KIND.to_owned(), redriven)].into();
    Published { context: "dead-letters".to_owned(), events }
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
