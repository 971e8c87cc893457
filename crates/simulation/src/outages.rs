use std::collections::BTreeSet;

/// The parts that are unreachable now.
#[derive(Debug, Default)]
pub(crate) struct Outages {
    stores: BTreeSet<String>,
    broker: bool,
    /// Processes without connection to the broker.
    partitioned: BTreeSet<String>,
    /// Processes and the contexts that they cannot reach.
    links: BTreeSet<(String, String)>,
}

fn set<T: Ord>(set: &mut BTreeSet<T>, item: T, out: bool) {
    if out {
        set.insert(item);
    } else {
        set.remove(&item);
    }
}

impl Outages {
    pub(crate) fn set_store(&mut self, name: &str, out: bool) {
        set(&mut self.stores, name.to_owned(), out);
    }

    pub(crate) fn set_broker(&mut self, out: bool) {
        self.broker = out;
    }

    pub(crate) fn set_broker_for(&mut self, process: &str, out: bool) {
        set(&mut self.partitioned, process.to_owned(), out);
    }

    pub(crate) fn set_link(&mut self, from: &str, to: &str, out: bool) {
        set(&mut self.links, (from.to_owned(), to.to_owned()), out);
    }

    pub(crate) fn store_is_out(&self, name: &str) -> bool {
        self.stores.contains(name)
    }

    pub(crate) fn broker_is_out_for(&self, process: &str) -> bool {
        self.broker || self.partitioned.contains(process)
    }

    pub(crate) fn link_is_out(&self, from: &str, to: &str) -> bool {
        self.links.contains(&(from.to_owned(), to.to_owned()))
    }
}
