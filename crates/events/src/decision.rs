use ambient::{Positive, Subject, Timestamp};

/// What a client requests, under any id.
pub trait Offer: Send + Sync + 'static {
    /// What is known of an id.
    type State;

    /// An attempt at an id.
    type Attempt;

    /// The resource, once an attempt is established.
    type Established;

    /// The client. `None`: authentication is disabled.
    fn owner(&self) -> Option<&Subject>;

    /// What is requested, as one text: equal for equal requests, also of different clients.
    fn content(&self) -> String;

    /// Decides about the request of this offer under an id, given what is known of that id.
    fn decide(
        &self,
        known: Option<&Self::State>,
        id: Positive,
        now: Timestamp,
    ) -> Decision<Self::Attempt, Self::Established>;
}

/// The decision of a domain about a request, given what is known of the id that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<A, E> {
    /// This attempt begins.
    Begin(A),
    /// Another request for the same id is undecided.
    InProgress,
    /// An equal request was established before.
    Known(E),
    /// A different request was established before.
    Different,
    /// The id belongs to somebody else.
    Taken,
}

/// The number of the attempt that begins now. `latest` is the number of the latest attempt at the same id.
///
/// Clocks of two replicas differ; the numbers must grow all the same.
pub fn next_epoch(now: Timestamp, latest: Option<i64>) -> i64 {
    latest.map_or(now.as_micros(), |latest| now.as_micros().max(latest + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_attempts_grow_even_if_clocks_do_not() {
        let now = Timestamp::from_micros(1_000);
        assert_eq!(
            [None, Some(1), Some(999), Some(1_000)].map(|latest| next_epoch(now, latest)),
            [1_000, 1_000, 1_000, 1_001]
        );
    }
}
