//! Reads messages of the client library, with headers of any bytes.
//!
//! rdkafka panics at a header whose name is not UTF-8, and has no other way to read it. The panic is caught for each header,
//! and not logged: docs/decisions/0015-hostile-records.md.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use rdkafka::Message;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Headers as _};

use crate::{Record, RecordPosition};

/// Maximum of headers read per record. An event has eight.
const MAX_HEADERS: usize = 1_000;

/// Maximum of headers per record whose names are not UTF-8: each costs a panic.
const MAX_UNREADABLE: usize = 100;

/// Name and value.
type Header = (String, Option<Vec<u8>>);

thread_local! {
    /// Whether this thread is within a call of the library that may panic.
    static READING: Cell<bool> = const { Cell::new(false) };
}

impl From<&BorrowedMessage<'_>> for Record {
    fn from(message: &BorrowedMessage<'_>) -> Self {
        let (headers, unread_headers) = message.headers().map(read).unwrap_or_default();
        Self {
            place: RecordPosition {
                topic: message.topic().to_owned(),
                partition: message.partition(),
                offset: message.offset(),
            },
            key: message.key().map(<[u8]>::to_vec),
            headers,
            unread_headers,
            payload: message.payload().map(<[u8]>::to_vec),
        }
    }
}

/// The readable headers in their order, and the number of all others.
fn read(headers: &BorrowedHeaders) -> (Vec<Header>, usize) {
    let count = headers.count();
    let (mut read, mut unreadable) = (Vec::with_capacity(count.min(MAX_HEADERS)), 0);
    for index in 0..count.min(MAX_HEADERS) {
        match read_one(headers, index) {
            Some(header) => read.push(header),
            None => unreadable += 1,
        }
        if unreadable == MAX_UNREADABLE {
            break;
        }
    }
    let not_read = count - read.len();
    (read, not_read)
}

fn read_one(headers: &BorrowedHeaders, index: usize) -> Option<Header> {
    silence_panics();
    READING.set(true);
    let header = catch_unwind(AssertUnwindSafe(|| {
        headers.try_get(index).map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
    }));
    READING.set(false);
    header.ok().flatten()
}

/// Keeps the panics of [`read_one`] out of the log, once and for all. Other panics are logged as before.
fn silence_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let log = take_hook();
        set_hook(Box::new(move |panic| {
            if !READING.get() {
                log(panic);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use rdkafka::message::{Header, OwnedHeaders};

    use super::*;

    fn headers<'a>(all: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>) -> OwnedHeaders {
        all.into_iter().fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value }))
    }

    #[test]
    fn a_header_without_a_value_differs_from_one_with_an_empty_value() {
        let sent = headers([("a", None), ("b", Some(&[][..])), ("", Some(&[0, 0xff][..]))]);
        let (read, not_read) = read(sent.as_borrowed());
        let expected = [("a".to_owned(), None), ("b".to_owned(), Some(vec![])), (String::new(), Some(vec![0, 0xff]))];
        assert_eq!((read.as_slice(), not_read), (&expected[..], 0));
    }

    #[test]
    fn headers_past_the_limit_are_counted_and_not_kept() {
        let sent = headers((0..=MAX_HEADERS).map(|_| ("many", None)));
        let (read, not_read) = read(sent.as_borrowed());
        assert_eq!((read.len(), not_read), (MAX_HEADERS, 1));
    }
}
