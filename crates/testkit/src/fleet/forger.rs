//! Events that no context has published.

use std::sync::Arc;

use ambient::{Clock as _, Ids, SystemClock};
use anyhow::Result;
use events::{Envelope, EventSet};

/// Makes events that no context has published. A test publishes them.
pub struct Forger {
    clock: SystemClock,
    ids: Ids,
}

impl Default for Forger {
    fn default() -> Self {
        Self { clock: SystemClock, ids: Ids::from_entropy(Arc::new(SystemClock)) }
    }
}

impl Forger {
    /// An event as its context would publish it now.
    pub fn event<E: EventSet>(&self, event: &E) -> Result<Envelope> {
        let (kind, data) = events::encode(event)?;
        Ok(Envelope {
            id: self.ids.uuid().to_string(),
            source: format!("/test/{}", E::CONTEXT),
            kind,
            subject: event.key().to_string(),
            time: self.clock.now(),
            trace: None,
            data,
        })
    }
}
