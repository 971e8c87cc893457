use std::fmt;

use crate::sqlite::tag::{INBOX_INSERT, OUTBOX_INSERT};

/// A rule that the simulation breaks on purpose. The oracles must find each mutation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// Events are appended to the broker when they are inserted into the outbox, before the transaction is committed.
    PublishBeforeCommit,
    /// The offset of a record is committed when it is delivered, before it is processed.
    CommitOffsetFirst,
    /// The inbox is always empty.
    NoInbox,
    /// Each process has a leader lock of its own, so that several are leaders.
    RelayWithoutLeader,
    /// Statements with this tag are not executed.
    SkipStatement(&'static str),
}

impl Mutation {
    /// The tag of the statements that must occur if the oracles, with this mutation or without one, are to find anything.
    pub const fn required_tag(mutation: Option<Self>) -> &'static str {
        match mutation {
            Some(Self::PublishBeforeCommit) => OUTBOX_INSERT,
            Some(Self::SkipStatement(tag)) => tag,
            None | Some(Self::NoInbox | Self::CommitOffsetFirst | Self::RelayWithoutLeader) => INBOX_INSERT,
        }
    }
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PublishBeforeCommit => "publish before commit",
            Self::CommitOffsetFirst => "commit the offset first",
            Self::NoInbox => "no inbox",
            Self::RelayWithoutLeader => "relay without a leader",
            Self::SkipStatement(statement) => return write!(f, "without {statement:?}"),
        })
    }
}
