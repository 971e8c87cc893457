//! `contracts/matching/grpc`: what clients over gRPC are promised, and the code made from it. What to do when a test fails
//! here: `docs/contracts.md`.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

use contracts::generated::{UPDATE, Update};
use contracts::{proto, verdict};
use prost::Message as _;
use prost_types::FileDescriptorSet;

fn folder() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../contracts/matching/grpc")).canonicalize().unwrap()
}

/// What the compiler makes of the .proto file.
fn compiled() -> FileDescriptorSet {
    protox::compile(["match.proto"], [folder()]).unwrap_or_else(|wrong| panic!("{wrong:?}"))
}

/// As the server hands it out: without the comments, which nobody who asks it reads.
fn described(mut all: FileDescriptorSet) -> Vec<u8> {
    all.file.iter_mut().for_each(|file| file.source_code_info = None);
    all.encode_to_vec()
}

/// The server and the client in Rust, on whatever carries them.
fn generated(all: FileDescriptorSet) -> String {
    let place = tempfile::tempdir().unwrap();
    let builder = tonic_prost_build::configure().build_transport(false).out_dir(place.path());
    builder.compile_fds(all).unwrap();
    fs::read_to_string(place.path().join("flotilla.matching.v1.rs")).unwrap()
}

/// Holds a file against what it should be, or writes it.
fn held(name: &str, now: &[u8], update: Update) -> Option<String> {
    let file = folder().join(name);
    if fs::read(&file).is_ok_and(|kept| kept == now) {
        return None;
    }
    if update == Update::Nothing {
        return Some(format!("{} is not what match.proto says: run this test with {UPDATE}=1", file.display()));
    }
    fs::write(&file, now).unwrap();
    None
}

#[test]
fn the_files_are_what_the_proto_file_says_and_break_no_client() {
    let update = Update::asked().unwrap_or_else(|wrong| panic!("{wrong}"));
    let now = compiled();
    if update != Update::Anything
        && let Ok(kept) = fs::read(folder().join("match.binpb"))
    {
        let heading = format!(
            "match.proto breaks clients that were built from the one before. How to go on: docs/contracts.md. If there are \
             none: {UPDATE}=breaking"
        );
        let broken = proto::breaking(&FileDescriptorSet::decode(&*kept).unwrap(), &now);
        verdict(&heading, &broken).unwrap_or_else(|wrong| panic!("{wrong}"));
    }
    let stale = [
        held("match.binpb", &described(now.clone()), update),
        held("flotilla.matching.v1.rs", generated(now).as_bytes(), update),
    ];
    verdict("what is made from match.proto:", &stale.into_iter().flatten().collect::<Vec<_>>())
        .unwrap_or_else(|wrong| panic!("{wrong}"));
}
