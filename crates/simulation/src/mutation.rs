use std::fmt;

/// A rule that the simulation breaks on purpose. A fleet that runs on a mutation must be found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// Events go to the broker when they are written into the outbox, before the transaction is committed.
    PublishBeforeCommit,
    /// A consumer's offset is committed when a record is handed out, before anything was done about it.
    CommitOffsetFirst,
    /// The inbox remembers nothing.
    NoInbox,
    /// Each process has a lock of its own for what only one may do.
    RelayWithoutLeader,
    /// Statements that begin like this are not carried out.
    Muted(&'static str),
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PublishBeforeCommit => "publish before commit",
            Self::CommitOffsetFirst => "commit the offset first",
            Self::NoInbox => "no inbox",
            Self::RelayWithoutLeader => "relay without a leader",
            Self::Muted(statement) => return write!(f, "without {statement:?}"),
        })
    }
}
