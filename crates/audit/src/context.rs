use std::collections::BTreeMap;

use events::EventSet;
use serde_json::Value;

use crate::{Event, Fields};

/// A context, with what it keeps and what it publishes.
#[derive(Debug)]
pub struct Context {
    /// Its name: the last part of the name of its topic.
    pub name: &'static str,
    pub(crate) tables: &'static [Table],
    pub(crate) contract: Option<Contract>,
}

/// Decodes the data of an event by a contract. `None`: the contract has no such event.
type Contract = fn(&Event) -> Result<Option<Fields>, String>;

/// A table in the store of a context. All columns that it has are read.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    pub(crate) context: &'static str,
    pub(crate) name: &'static str,
    pub(crate) key: &'static str,
    pub(crate) judged: &'static [&'static str],
    pub(crate) not_judged: &'static [&'static str],
    pub(crate) personal: &'static [&'static str],
    pub(crate) in_progress: Option<&'static str>,
    pub(crate) references: &'static [&'static str],
}

/// An operation that clients carry out.
#[derive(Debug)]
pub struct OperationKind {
    /// Its name in a client history.
    pub name: &'static str,
    /// The fields that it may have there besides time, id and status.
    pub fields: &'static [&'static str],
}

/// The type of an event, with the context that publishes it: two contexts may use one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventKind {
    pub(crate) context: &'static str,
    pub(crate) name: &'static str,
}

/// An event that the state of a context implies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImpliedEvent {
    pub(crate) kind: EventKind,
    pub(crate) fields: Fields,
}

impl Context {
    /// A context that publishes no events.
    pub const fn new(name: &'static str, tables: &'static [Table]) -> Self {
        Self { name, tables, contract: None }
    }

    /// A context that publishes the events of this contract.
    pub const fn publishing<E: EventSet>(tables: &'static [Table]) -> Self {
        Self { name: E::CONTEXT, tables, contract: Some(decode::<E>) }
    }
}

impl Table {
    /// A table whose column `key` has the id of the case. Several rows may have the same.
    pub const fn new(context: &'static str, name: &'static str, key: &'static str) -> Self {
        Self { context, name, key, judged: &[], not_judged: &[], personal: &[], in_progress: None, references: &[] }
    }

    /// The columns that the laws compare. A column that is in neither list violates a law: a migration has added it, and
    /// the laws do not know it.
    #[must_use]
    pub const fn judged(self, columns: &'static [&'static str]) -> Self {
        Self { judged: columns, ..self }
    }

    /// The columns about which neither topics nor clients know anything.
    #[must_use]
    pub const fn not_judged(self, columns: &'static [&'static str]) -> Self {
        Self { not_judged: columns, ..self }
    }

    /// The columns with data about people that no report may show: they are not kept, and so not judged either.
    #[must_use]
    pub const fn personal(self, columns: &'static [&'static str]) -> Self {
        Self { personal: columns, ..self }
    }

    /// The columns that name another case, such as the shelf of a box: a law about shelves reads the rows by them.
    #[must_use]
    pub const fn referring_by(self, columns: &'static [&'static str]) -> Self {
        Self { references: columns, ..self }
    }

    /// The condition in SQL that a row meets while work on it is in progress.
    #[must_use]
    pub const fn in_progress(self, predicate: &'static str) -> Self {
        Self { in_progress: Some(predicate), ..self }
    }
}

impl EventKind {
    /// The event of that name in the contract of a context.
    pub const fn new(context: &'static str, name: &'static str) -> Self {
        Self { context, name }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// An event of this type with exactly these fields.
    pub fn with(self, fields: Fields) -> ImpliedEvent {
        ImpliedEvent { kind: self, fields }
    }
}

/// The fields as the contract writes them: whatever the publisher wrote, equal events have equal fields.
fn decode<E: EventSet>(event: &Event) -> Result<Option<Fields>, String> {
    let decoded = events::decode::<E>(&event.kind, &event.data).map_err(|error| error.to_string())?;
    let Some(decoded) = decoded else { return Ok(None) };
    let about = decoded.key().to_string();
    if about != event.case.to_string() {
        return Err(format!("it is about {about}"));
    }
    let (_, data) = events::encode(&decoded).map_err(|error| error.to_string())?;
    let data: BTreeMap<String, Value> = serde_json::from_str(&data).map_err(|error| error.to_string())?;
    Ok(Some(data.into_iter().collect()))
}
