/// The probabilities of faults, each from 0.0 (never) to 1.0.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Risks {
    /// The connection breaks before a statement is executed.
    pub statement_rejected: f64,
    /// The connection breaks after a statement was executed, before its result.
    pub statement_result_lost: f64,
    /// A transaction fails because the disk is full; it is not full afterwards.
    pub disk_full: f64,
    /// The process is killed before a statement is executed.
    pub killed_before_statement: f64,
    /// The process is killed after a statement was executed.
    pub killed_after_statement: f64,
    /// The broker rejects an event.
    pub event_rejected: f64,
    /// The broker appends an event, and its acknowledgement is lost.
    pub event_acknowledgement_lost: f64,
    /// A consumer receives all uncommitted records again.
    pub redelivered: f64,
    /// A request is lost.
    pub request_lost: f64,
    /// A request is executed, and its response is lost.
    pub response_lost: f64,
    /// An operation takes a hundred times its usual duration.
    pub slow: f64,
}
