/// The phase of an attempt at a saga. An attempt without a row has not begun, or was declined at its first step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The request that began the attempt calls the participants. Nothing else does.
    Pending,
    /// The recovery calls the participants again, to finish what the request has begun.
    Completing,
    /// The recovery compensates the steps in reverse.
    Compensating,
    /// All participants have agreed. The event is published.
    Established,
    /// All steps that may have had an effect are compensated. A later attempt may begin.
    Void,
}

impl Phase {
    /// All phases.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Completing, Self::Compensating, Self::Established, Self::Void];
}
