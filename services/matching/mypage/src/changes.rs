use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Tells open streams that their page has changed.
#[derive(Debug)]
pub struct Changes {
    most: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    streams: usize,
    pages: HashMap<i64, (usize, Arc<Notify>)>,
}

/// One open stream's interest in one page. Ends when it is dropped.
#[derive(Debug)]
pub struct Interest {
    changes: Arc<Changes>,
    id: i64,
    changed: Arc<Notify>,
}

impl Changes {
    /// For `most` streams at the same time.
    pub fn new(most: usize) -> Self {
        Self { most, open: Mutex::default() }
    }

    /// Opens a stream on a page. `None`: there are as many as there may be.
    pub fn watch(self: &Arc<Self>, id: i64) -> Option<Interest> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.streams >= self.most {
            return None;
        }
        open.streams += 1;
        let (watchers, changed) = open.pages.entry(id).or_default();
        *watchers += 1;
        let changed = Arc::clone(changed);
        Some(Interest { changes: Arc::clone(self), id, changed })
    }

    /// Says that a page has changed.
    pub fn changed(&self, id: i64) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, changed)) = open.pages.get(&id) {
            changed.notify_waiters();
        }
    }
}

impl Interest {
    /// What resolves at the next change after this call.
    pub fn next(&self) -> impl Future<Output = ()> + use<> {
        Arc::clone(&self.changed).notified_owned()
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        let mut open = self.changes.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.streams -= 1;
        if let Some((watchers, _)) = open.pages.get_mut(&self.id) {
            *watchers -= 1;
            if *watchers == 0 {
                open.pages.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_stream_hears_of_changes_of_its_page_after_it_asked_and_of_no_other() {
        let changes = Arc::new(Changes::new(2));
        let (one, other) = (changes.watch(1).unwrap(), changes.watch(2).unwrap());
        let (heard, unheard) = (one.next(), other.next());
        changes.changed(1);
        assert!(std::pin::pin!(heard).now_or_never().is_some());
        assert!(std::pin::pin!(unheard).now_or_never().is_none());
    }

    #[test]
    fn there_are_no_more_streams_than_allowed_and_a_closed_one_makes_room() {
        let changes = Arc::new(Changes::new(1));
        let open = changes.watch(1).unwrap();
        assert!(changes.watch(1).is_none());
        drop(open);
        assert!(changes.watch(2).is_some());
        assert!(changes.open.lock().unwrap().pages.is_empty());
    }
}
