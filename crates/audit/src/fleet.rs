use crate::{Context, Law, OperationKind, Table};

/// What an auditor knows of a fleet: its contexts with their tables and contracts, the operations of its clients, and the
/// laws of its business.
#[derive(Debug)]
pub struct Fleet {
    /// The contexts. Each has a store and a topic.
    pub contexts: &'static [Context],
    /// The operations that a client history may contain.
    pub operations: &'static [OperationKind],
    /// The fields of events that name another case than the subject, such as the shelf of a box. A case is then all that
    /// has one id: a shelf and a box of the same number do not share tables or events.
    pub references: &'static [&'static str],
    /// The laws, in the order in which they are shown. Those of [`crate::laws`] follow.
    pub laws: &'static [Law],
}

impl Fleet {
    /// The names of the contexts.
    pub fn context_names(&self) -> Vec<&'static str> {
        self.contexts.iter().map(|context| context.name).collect()
    }

    pub(crate) fn context(&self, name: &str) -> Option<&Context> {
        self.contexts.iter().find(|context| context.name == name)
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.contexts.iter().flat_map(|context| context.tables)
    }

    /// Per context, a query that counts the rows that are in progress: 0 in all of them once the fleet is at rest.
    pub fn in_progress(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.tables().filter_map(|table| {
            let predicate = table.in_progress?;
            Some((table.context, format!("SELECT COUNT(*) FROM {} WHERE {predicate}", table.name)))
        })
    }
}
