//! Hostile input: what must hold for any bytes from outside.
//!
//! A *reader* is a function that gives any bytes to one parser, and panics if the parser violates its contract: it must not
//! panic itself, and what it accepts must survive a round trip. The fuzzer (`fuzz/`) searches for inputs that make a reader
//! panic. Inputs worth keeping are in `corpus/`, a folder per reader, and the tests replay them.
//!
//! A fleet adds readers of its own formats, and replays the same corpus as requests against its gateway.
//!
//! | module | content |
//! |---|---|
//! | `edge.rs`, `key_set.rs`, `record.rs`, `request.rs`, `text.rs` | the readers |
//! | `form.rs` | the form of an input with several parts |
//! | `corpus.rs` | the kept inputs, and their replay |
//! | `document.rs`, `requests.rs`, `client.rs` | hostile requests for each operation of a fleet |

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a reader panics if a contract is violated: that is what the fuzzer and the tests look for"
)]

mod client;
mod corpus;
mod document;
mod edge;
mod form;
mod key_set;
mod record;
mod request;
mod requests;
mod text;

pub use client::send_hostile_requests;
pub use corpus::{CORPUS, Reader, assert_fuzz_targets, assert_no_panic};
pub use edge::{authorities, forwarded_headers, origins, request_paths, routes_files};
pub use key_set::key_sets;
pub use record::{dead_letters, envelopes, events, traceparents};
pub use request::{cursors, ids, request_bodies};
pub use text::{fleet_files, last_event_ids};

/// The readers of all formats that every fleet has, by the name of their fuzz target and of their folder in [`CORPUS`].
pub const READERS: [Reader; 14] = [
    ("authorities", authorities),
    ("cursors", cursors),
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
