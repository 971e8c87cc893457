use std::fmt;

use crate::Mutation;

/// A fleet with one rule broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mutant {
    name: &'static str,
    mutation: Option<Mutation>,
}

impl Mutant {
    /// See [`Mutation::PublishBeforeCommit`].
    pub const PUBLISH_BEFORE_COMMIT: Self = Self::new("publish-before-commit", Mutation::PublishBeforeCommit);
    /// See [`Mutation::CommitOffsetFirst`].
    pub const COMMIT_OFFSET_FIRST: Self = Self::new("commit-offset-first", Mutation::CommitOffsetFirst);
    /// See [`Mutation::NoInbox`].
    pub const NO_INBOX: Self = Self::new("no-inbox", Mutation::NoInbox);
    /// See [`Mutation::RelayWithoutLeader`].
    pub const RELAY_WITHOUT_LEADER: Self = Self::new("relay-without-leader", Mutation::RelayWithoutLeader);

    /// The recovery of a saga compensates no request whose outcome is unknown.
    pub const NO_RECOVERY: Self = Self::new("no-recovery", Mutation::SkipStatement("recovery: take over"));

    /// A mutant whose mutation is in the simulation.
    pub const fn new(name: &'static str, mutation: Mutation) -> Self {
        Self { name, mutation: Some(mutation) }
    }

    /// A mutant whose mutation is in a stub of the fleet.
    pub const fn of_stub(name: &'static str) -> Self {
        Self { name, mutation: None }
    }

    /// The mutation of the simulation; `None` if a stub has it.
    pub(crate) const fn mutation(self) -> Option<Mutation> {
        self.mutation
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
