use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{EventKind, Fields, Operation, Stores, Table};

/// Everything that stores, topics and clients know of one case.
pub struct Case<'a> {
    /// Its id: the subject of its events.
    pub id: i64,
    pub(crate) stores: &'a Stores,
    pub(crate) events: Vec<CaseEvent>,
    pub(crate) references: &'a References,
    pub(crate) invalid: Vec<String>,
    pub(crate) operations: &'a [&'a Operation],
}

/// The events that name a case in a field of their data, by field and case: see [`crate::Fleet::references`].
pub(crate) type References = BTreeMap<(&'static str, i64), Vec<CaseEvent>>;

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

    /// The rows of a table whose column names this case, although their own case is another one: see
    /// [`Table::referring_by`].
    pub fn rows_referring_by(&self, table: &Table, column: &'static str) -> &'a [Fields] {
        self.stores.rows_referring_by(table, column, self.id)
    }

    /// The events that name this case in a field, whatever their subject is, in the order of events: see
    /// [`crate::Fleet::references`].
    pub fn referring_by(&self, field: &'static str) -> &'a [CaseEvent] {
        self.references.get(&(field, self.id)).map_or(&[], Vec::as_slice)
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
