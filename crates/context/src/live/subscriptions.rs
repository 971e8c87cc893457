use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use events::Key;
use tokio::sync::futures::OwnedNotified;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Notifies open streams, and requests that wait for a row, that their row has changed.
#[derive(Debug)]
pub struct Subscriptions<K: Key> {
    streams: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    rows: Mutex<Rows<K>>,
    /// Of every row.
    any: Arc<Notify>,
}

/// By key: the number of subscriptions, and their notification.
type Rows<K> = HashMap<K, (usize, Arc<Notify>)>;

/// The subscription of one stream, or of one waiting request, to one row or to all of them. Ends when it is dropped.
#[derive(Debug)]
pub struct Subscription<K: Key> {
    subscriptions: Arc<Subscriptions<K>>,
    key: Option<K>,
    changed: Arc<Notify>,
    _permit: OwnedSemaphorePermit,
}

impl<K: Key> Subscriptions<K> {
    /// At most `streams` open streams, and at most `waiting` waiting requests.
    pub fn new(streams: usize, waiting: usize) -> Self {
        let permits = |most: usize| Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        Self { streams: permits(streams), waiting: permits(waiting), rows: Mutex::default(), any: Arc::default() }
    }

    /// The subscription of a stream. `None` if the maximum number is open.
    pub fn stream(self: &Arc<Self>, key: K) -> Option<Subscription<K>> {
        self.subscribe(key, &self.streams)
    }

    /// The subscription of a waiting request. `None` if the maximum number waits.
    pub fn wait(self: &Arc<Self>, key: K) -> Option<Subscription<K>> {
        self.subscribe(key, &self.waiting)
    }

    /// The subscription of a stream to all rows. `None` if the maximum number is open.
    pub fn stream_of_all(self: &Arc<Self>) -> Option<Subscription<K>> {
        let permit = Arc::clone(&self.streams).try_acquire_owned().ok()?;
        let (subscriptions, changed) = (Arc::clone(self), Arc::clone(&self.any));
        Some(Subscription { subscriptions, key: None, changed, _permit: permit })
    }

    fn subscribe(self: &Arc<Self>, key: K, permits: &Arc<Semaphore>) -> Option<Subscription<K>> {
        let permit = Arc::clone(permits).try_acquire_owned().ok()?;
        let mut rows = self.rows();
        let (count, changed) = rows.entry(key.clone()).or_default();
        *count += 1;
        let changed = Arc::clone(changed);
        Some(Subscription { subscriptions: Arc::clone(self), key: Some(key), changed, _permit: permit })
    }

    /// The number of subscriptions to a row.
    pub fn count(&self, key: &K) -> usize {
        self.rows().get(key).map_or(0, |(count, _)| *count)
    }

    /// Notifies the subscriptions of a row, and those of all rows.
    pub fn notify(&self, key: &K) {
        self.any.notify_waiters();
        if let Some((_, changed)) = self.rows().get(key) {
            changed.notify_waiters();
        }
    }

    fn rows(&self) -> MutexGuard<'_, Rows<K>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Key> Subscription<K> {
    /// Resolves at the next change after this call.
    pub fn next(&self) -> OwnedNotified {
        Arc::clone(&self.changed).notified_owned()
    }
}

impl<K: Key> Drop for Subscription<K> {
    fn drop(&mut self) {
        let Some(key) = &self.key else { return };
        let mut rows = self.subscriptions.rows();
        if let Some((count, _)) = rows.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                rows.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_subscription_is_notified_of_later_changes_of_its_row_only() {
        let subscriptions = Arc::new(Subscriptions::<i64>::new(2, 0));
        let (one, other) = (subscriptions.stream(1).unwrap(), subscriptions.stream(2).unwrap());
        let (changed, unchanged) = (one.next(), other.next());
        subscriptions.notify(&1);
        assert!(std::pin::pin!(changed).now_or_never().is_some());
        assert!(std::pin::pin!(unchanged).now_or_never().is_none());
    }

    #[test]
    fn a_subscription_to_all_rows_is_notified_of_every_change_and_counts_as_a_stream() {
        let subscriptions = Arc::new(Subscriptions::<i64>::new(1, 0));
        let all = subscriptions.stream_of_all().unwrap();
        assert!(subscriptions.stream_of_all().is_none() && subscriptions.stream(1).is_none());
        for key in [1, 2] {
            let changed = all.next();
            subscriptions.notify(&key);
            assert!(std::pin::pin!(changed).now_or_never().is_some());
        }
        assert!(std::pin::pin!(all.next()).now_or_never().is_none());
        drop(all);
        assert!(subscriptions.stream(1).is_some());
    }

    #[test]
    fn the_number_of_streams_is_limited_and_a_closed_one_makes_room() {
        let subscriptions = Arc::new(Subscriptions::new(1, 0));
        let open = subscriptions.stream(1).unwrap();
        assert!(subscriptions.stream(1).is_none());
        drop(open);
        assert!(subscriptions.stream(2).is_some());
        assert!(subscriptions.rows().is_empty());
    }

    #[test]
    fn waiting_requests_and_streams_have_limits_of_their_own() {
        let subscriptions = Arc::new(Subscriptions::new(1, 1));
        let waiting = subscriptions.wait(1).unwrap();
        assert!(subscriptions.wait(2).is_none());
        let _open = subscriptions.stream(1).unwrap();
        assert_eq!([0, 1].map(|key| subscriptions.count(&key)), [0, 2]);
        drop(waiting);
        assert!(subscriptions.wait(2).is_some());
        assert_eq!(subscriptions.rows().keys().copied().collect::<Vec<_>>(), [1]);
    }
}
