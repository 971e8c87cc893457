use std::collections::BTreeSet;

/// What cannot be reached for a while.
#[derive(Debug, Default)]
pub(crate) struct Away {
    stores: BTreeSet<String>,
    broker: bool,
    /// Processes that do not reach the broker.
    cut_off: BTreeSet<String>,
    /// Who does not reach whom.
    links: BTreeSet<(String, String)>,
}

fn set<T: Ord>(set: &mut BTreeSet<T>, item: T, away: bool) {
    if away {
        set.insert(item);
    } else {
        set.remove(&item);
    }
}

impl Away {
    pub(crate) fn store(&mut self, name: &str, away: bool) {
        set(&mut self.stores, name.to_owned(), away);
    }

    pub(crate) fn broker(&mut self, away: bool) {
        self.broker = away;
    }

    pub(crate) fn broker_for(&mut self, process: &str, away: bool) {
        set(&mut self.cut_off, process.to_owned(), away);
    }

    pub(crate) fn link(&mut self, from: &str, to: &str, away: bool) {
        set(&mut self.links, (from.to_owned(), to.to_owned()), away);
    }

    pub(crate) fn is_store(&self, name: &str) -> bool {
        self.stores.contains(name)
    }

    pub(crate) fn is_broker_for(&self, process: &str) -> bool {
        self.broker || self.cut_off.contains(process)
    }

    pub(crate) fn is_link(&self, from: &str, to: &str) -> bool {
        self.links.contains(&(from.to_owned(), to.to_owned()))
    }
}
