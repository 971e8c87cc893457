use chassis::body::PathId;
use events::Key;
use serde_json::Value;
use store::Row;
use utoipa::openapi::schema::ObjectBuilder;

/// The key of the rows.
pub(crate) type KeyOf<B> = <<B as Representation>::Row as Row>::Key;

/// Rows as JSON documents, in HAL.
pub trait Representation: Send + Sync + 'static {
    /// The rows.
    type Row: Row<Key: Key + PathId>;

    /// The name of the documents: `Page` has the operations `showPage`, `listPages` and `followPage`.
    const NAME: &'static str;

    /// The path of the list. The id of a row follows it.
    const PATH: &'static str;

    /// The name of the documents in a list.
    const REL: &'static str;

    /// What a row is, for a 404: "there is no page of order 7" has `page of order`.
    const TITLE: &'static str;

    /// The document of a row, with its `id` and without links. `None` if there is none, as far as clients can see.
    fn of(state: &<Self::Row as Row>::State) -> Option<Value>;

    /// The schema of the documents, without links. All properties are required.
    fn schema() -> ObjectBuilder;

    /// The links of a document: name, and path with `{id}`.
    const LINKS: &'static [(&'static str, &'static str)];
}
