//! The kept inputs: files in a folder per reader.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// The name of a reader, and the reader.
pub type Reader = (&'static str, fn(&[u8]));

/// The folder with the kept inputs of [`READERS`](crate::READERS).
pub const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus");

/// The folder with the fuzz targets of all readers.
const FUZZ_TARGETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/fuzz_targets");

/// The folder of the fleets.
const FLEETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../services");

/// Gives the readers of each corpus the inputs in the folder of their name. None of them panics.
pub fn assert_no_panic(corpora: &[(&str, &[Reader])]) {
    let broken: Vec<PathBuf> = corpora.iter().flat_map(|(corpus, readers)| replay(corpus, readers)).collect();
    assert!(broken.is_empty(), "the violations are above: {broken:#?}");
}

/// The files that make a reader panic.
fn replay(corpus: &str, readers: &[Reader]) -> Vec<PathBuf> {
    let inputs = readers.iter().flat_map(|(name, reader)| {
        let files = files(&Path::new(corpus).join(name));
        assert!(!files.is_empty(), "there are no inputs for {name}");
        files.into_iter().filter(move |file| catch_unwind(|| reader(&fs::read(file).unwrap())).is_err())
    });
    inputs.collect()
}

/// The readers of a fleet have a fuzz target each, named `FLEET_READER`, and so have those of all fleets (`None`), named
/// `READER`. There are no other fuzz targets, and no other folders of inputs.
pub fn assert_fuzz_targets(fleet: Option<&str>, corpus: &str, readers: &[Reader]) {
    let named: BTreeSet<String> = readers.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(stems(Path::new(corpus)), named);
    let fleets = stems(Path::new(FLEETS));
    let targets = stems(Path::new(FUZZ_TARGETS)).into_iter().filter_map(|target| {
        let of = fleets.iter().find_map(|fleet| Some((fleet.as_str(), target.strip_prefix(fleet)?.strip_prefix('_')?)));
        let (of, reader) = of.map_or((None, target.as_str()), |(fleet, reader)| (Some(fleet), reader));
        (of == fleet).then(|| reader.to_owned())
    });
    assert_eq!(targets.collect::<BTreeSet<_>>(), named);
}

/// The kept inputs of a reader of [`READERS`](crate::READERS).
pub(crate) fn kept(reader: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let files = files(&Path::new(CORPUS).join(reader));
    files.into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect()
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
