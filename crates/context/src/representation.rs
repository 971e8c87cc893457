use chassis::body::PathId;
use events::Key;
use serde_json::Value;
use store::Row;
use utoipa::openapi::schema::ObjectBuilder;

/// The key of the rows.
pub(crate) type KeyOf<B> = <<B as Representation>::Row as Row>::Key;

/// The state of the rows.
pub(crate) type StateOf<B> = <<B as Representation>::Row as Row>::State;

/// A link of documents in certain states.
pub type ConditionalLink<B> = (&'static str, &'static str, fn(&StateOf<B>) -> bool);

/// The totals of a list: its rows are counted by a column.
#[derive(Debug, Clone, Copy)]
pub struct Totals {
    /// The column: TEXT.
    pub column: &'static str,
    /// The values that are counted.
    pub values: &'static [&'static str],
}

/// Rows as JSON documents, in HAL.
pub trait Representation: Sized + Send + Sync + 'static {
    /// The rows.
    type Row: Row<Key: Key + PathId>;

    /// The name of the documents: `Page` has the operations `showPage`, `listPages` and `followPage`.
    const NAME: &'static str;

    /// The name of several documents.
    fn plural() -> String {
        format!("{}s", Self::NAME)
    }

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

    /// The totals of a list that a filter narrows down.
    const TOTALS: Option<Totals> = None;

    /// The links of each document: name, and path with `{id}` or other properties of the document.
    const LINKS: &'static [(&'static str, &'static str)];

    /// The links of documents in certain states: name, path, and whether a document in this state has it. The name is that
    /// of an operation: `cancel` of `Page` leads to `cancelPage`.
    const CONDITIONAL_LINKS: &'static [ConditionalLink<Self>] = &[];
}
