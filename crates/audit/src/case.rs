use std::sync::Arc;

use crate::{EventKind, Fields, Operation, Stores, Table};

/// Everything that stores, topics and clients know of one case.
pub struct Case<'a> {
    /// Its id: the subject of its events.
    pub id: i64,
    pub(crate) stores: &'a Stores,
    pub(crate) events: Vec<CaseEvent>,
    pub(crate) invalid: Vec<String>,
    pub(crate) operations: &'a [&'a Operation],
}

/// An event of a case that conforms to its contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseEvent {
    /// The context that has published it.
    pub context: Arc<str>,
    /// Its type.
    pub kind: Arc<str>,
    /// Its time, in microseconds since 1970.
    pub at: i64,
    /// Its data.
    pub fields: Fields,
}

impl<'a> Case<'a> {
    /// The rows of a table about this case.
    pub fn rows(&self, table: &Table) -> &'a [Fields] {
        self.stores.rows(table, self.id)
    }

    /// The row of a table that has one per case.
    pub fn row(&self, table: &Table) -> Option<&'a Fields> {
        self.rows(table).first()
    }

    /// The events without repetitions: context by context, each in the order of its topic.
    pub fn events(&self) -> &[CaseEvent] {
        &self.events
    }

    /// The events that a context has published, in the order of its topic.
    pub fn published_by(&self, context: &str) -> impl Iterator<Item = &CaseEvent> {
        self.events.iter().filter(move |event| &*event.context == context)
    }

    /// The events of one type, in the order of their topic.
    pub fn of_kind(&self, kind: EventKind) -> impl Iterator<Item = &CaseEvent> {
        self.events.iter().filter(move |event| event.is(kind))
    }

    /// The operations of clients of that name.
    pub fn operations(&self, name: &str) -> impl Iterator<Item = &'a Operation> {
        self.operations.iter().copied().filter(move |operation| operation.name == name)
    }
}

impl CaseEvent {
    /// Whether it is of this type.
    pub fn is(&self, kind: EventKind) -> bool {
        (&*self.context, &*self.kind) == (kind.context, kind.name)
    }
}
