use crate::{Assignment, Cleaner, State};

/// A cleaner for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// The call.
    pub call_id: i64,
    /// The cleaner.
    pub cleaner_id: i64,
}

/// Matches waiting calls with free cleaners: the call that waits for longest first, with the cleaner who is idle for longest
/// among those who serve its place. A call without a free cleaner for its place keeps waiting, and delays no call for another place.
pub fn dispatch(calls: &[Assignment], cleaners: &[Cleaner]) -> Vec<Match> {
    let mut waiting: Vec<&Assignment> = calls.iter().filter(|call| call.state == State::Waiting).collect();
    waiting.sort_by_key(|call| (call.since, call.call_id));
    let mut free: Vec<&Cleaner> = cleaners.iter().filter(|cleaner| cleaner.is_free()).collect();
    free.sort_by_key(|cleaner| (cleaner.idle_since, cleaner.id));
    let mut matches = Vec::new();
    for call in waiting {
        if let Some(at) = free.iter().position(|cleaner| cleaner.serves(call.location.as_deref())) {
            matches.push(Match { call_id: call.call_id, cleaner_id: free.remove(at).id });
        }
    }
    matches
}
