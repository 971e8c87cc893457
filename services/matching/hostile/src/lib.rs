//! What must hold of every input from outside, whoever sends it.
//!
//! One function per reader of bytes. Each takes any bytes, gives them to the reader, and panics if the reader breaks
//! its word: it must not panic itself, and what it accepts must come back as it was meant. The fuzzer (`fuzz/`) looks
//! for bytes that make one of them panic; the tests give them all that was kept in `corpus/`.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a word that is broken is a panic: that is what the fuzzer and the tests look for"
)]

mod edge;
mod form;
mod key_set;
mod record;
mod request;
mod text;

pub use edge::{authorities, forwarded_headers, origins, request_paths, routes_files};
pub use key_set::key_sets;
pub use record::{dead_letters, envelopes, traceparents};
pub use request::{cursors, ids, request_bodies};
pub use text::{dates, fleet_files, last_event_ids};

/// A reader of bytes, and what must hold of it.
pub type Property = fn(&[u8]);

/// All of them, by the name of their fuzz target and of the folder with their inputs.
pub const ALL: [(&str, Property); 15] = [
    ("authorities", authorities),
    ("cursors", cursors),
    ("dates", dates),
    ("dead_letters", dead_letters),
    ("envelopes", envelopes),
    ("fleet_files", fleet_files),
    ("forwarded_headers", forwarded_headers),
    ("ids", ids),
    ("key_sets", key_sets),
    ("last_event_ids", last_event_ids),
    ("origins", origins),
    ("request_bodies", request_bodies),
    ("request_paths", request_paths),
    ("routes_files", routes_files),
    ("traceparents", traceparents),
];
