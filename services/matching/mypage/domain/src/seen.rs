use std::fmt;
use std::str::FromStr;

use match_contract::{Attempt, Step};

/// How far a student has followed a page: the id of a message in its live stream, such as `7-3`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// The attempt that the last message was about; 0 before any.
    pub attempt: Attempt,
    /// The place of its step in [`Step::ALL`], from 1; 0 before any.
    pub step: usize,
}

/// Text that is the id of no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeverSeen;

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.attempt, self.step)
    }
}

impl FromStr for Seen {
    type Err = NeverSeen;

    fn from_str(text: &str) -> Result<Self, NeverSeen> {
        let (attempt, step) = text.split_once('-').ok_or(NeverSeen)?;
        let step = step.parse().ok().filter(|step| (0..=Step::ALL.len()).contains(step));
        Ok(Self { attempt: attempt.parse().map_err(|_| NeverSeen)?, step: step.ok_or(NeverSeen)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_message_reads_back_and_anything_else_is_refused() {
        let seen = Seen { attempt: 7, step: 3 };
        assert_eq!(seen.to_string().parse(), Ok(seen));
        for text in ["", "7", "7-", "7-9", "x-1", "7-1-2"] {
            assert_eq!(text.parse::<Seen>(), Err(NeverSeen), "{text}");
        }
    }
}
