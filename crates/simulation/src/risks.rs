/// How likely it is that something goes wrong, each from 0.0 (never) to 1.0.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Risks {
    /// A statement is refused: its connection breaks before it is carried out.
    pub statement_refused: f64,
    /// A statement is carried out, but its connection breaks before the answer.
    pub statement_unanswered: f64,
    /// A transaction cannot be written, as the disk is full; there is room again at once.
    pub disk_full: f64,
    /// A process dies before a statement is carried out.
    pub dies_before_statement: f64,
    /// A process dies after a statement was carried out.
    pub dies_after_statement: f64,
    /// An event is not taken by the broker.
    pub event_refused: f64,
    /// An event is taken by the broker, whose answer is lost.
    pub event_unanswered: f64,
    /// A consumer gets all that it has not committed again.
    pub redelivered: f64,
    /// A request is lost on its way.
    pub request_lost: f64,
    /// A request is carried out, and its answer is lost.
    pub answer_lost: f64,
    /// Whatever takes time takes a hundred times as long.
    pub slow: f64,
}
