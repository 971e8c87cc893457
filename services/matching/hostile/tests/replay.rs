//! Every input that was kept, given to its reader once more: what the fuzzer has found stays found.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use hostile_inputs::{ALL, Property};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// In the order of their names, so that every run is the same.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn stems(folder: &Path) -> BTreeSet<String> {
    files(folder).iter().map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn broken_by(file: &Path, property: Property) -> Option<String> {
    let bytes = fs::read(file).unwrap();
    catch_unwind(|| property(&bytes)).err().map(|_| file.display().to_string())
}

#[test]
fn every_kept_input_leaves_its_reader_as_it_promises_to_be() {
    let inputs = ALL.iter().flat_map(|(name, property)| {
        let files = files(&folder("corpus").join(name));
        assert!(!files.is_empty(), "no inputs for {name}");
        files.into_iter().filter_map(move |file| broken_by(&file, *property))
    });
    let broken: Vec<String> = inputs.collect();
    assert!(broken.is_empty(), "what these must not do is above: {broken:#?}");
}

#[test]
fn every_reader_has_a_fuzz_target_and_inputs_and_there_are_no_others() {
    let named: BTreeSet<String> = ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(stems(&folder("fuzz/fuzz_targets")), named);
    assert_eq!(stems(&folder("corpus")), named);
}
