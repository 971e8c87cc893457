use std::fmt;

/// A kind of operation of clients, with its documented responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation {
    name: &'static str,
    statuses: &'static [u16],
    media_type: &'static str,
}

/// Documented for every request. 502: the service gave no response, 503: unavailable, 504: timeout. A service without its
/// store responds 503 too.
const OUTAGES: [u16; 3] = [502, 503, 504];

impl Operation {
    /// An operation with these documented statuses besides outages. Its responses are JSON.
    pub const fn new(name: &'static str, statuses: &'static [u16]) -> Self {
        Self { name, statuses, media_type: "application/json" }
    }

    /// The same as a stream of events.
    #[must_use]
    pub const fn live(self) -> Self {
        Self { media_type: "text/event-stream", ..self }
    }

    /// Whether it may have this status.
    pub fn documents(self, status: u16) -> bool {
        self.statuses.contains(&status) || OUTAGES.contains(&status)
    }

    /// The media type of its responses, unless they are problems.
    pub const fn media_type(self) -> &'static str {
        self.media_type
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}
