use thiserror::Error;

/// What the management accepts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// The places that are served. `None`: all.
    pub served: Option<Vec<String>>,
    /// How many calls may be open at the same time. `None`: any number.
    pub limit: Option<i64>,
}

/// Why the management declines a call.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Declined {
    /// The place is not served.
    #[error("the place {0} is not served")]
    PlaceNotServed(String),
    /// As many calls are open as may be.
    #[error("{0} calls are open, and there may not be more")]
    TooManyCalls(i64),
}

impl Places {
    /// Whether a call for this place is accepted while so many are open. One for any place is for any that is served.
    pub fn check(&self, location: Option<&str>, open: i64) -> Result<(), Declined> {
        if let (Some(served), Some(location)) = (&self.served, location)
            && !served.iter().any(|place| place == location)
        {
            return Err(Declined::PlaceNotServed(location.to_owned()));
        }
        match self.limit {
            Some(limit) if open >= limit => Err(Declined::TooManyCalls(limit)),
            _ => Ok(()),
        }
    }
}
