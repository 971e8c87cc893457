//! Signals within a process and between processes.

use std::time::Duration;

use futures_util::FutureExt;
use store::sqlx::query;
use test_stores::{eventually, on_each_store, on_postgres};
use tokio::time::timeout;

#[test]
fn a_signal_that_came_before_it_was_waited_for_counts_once() {
    on_each_store(async |place| {
        let wake = place.open(&[]).await.wake("channel");
        wake.signal();
        wake.signal();
        assert_eq!(wake.signalled().now_or_never(), Some(()));
        assert_eq!(wake.signalled().now_or_never(), None);
    });
}

#[test]
fn a_signal_reaches_another_process_on_the_same_server_and_no_other_channel() {
    on_postgres(async |place| {
        let (here, there) = (place.open(&[]).await, place.open(&[]).await);
        let (sender, receiver, other) = (here.wake("channel"), there.wake("channel"), there.wake("another"));
        let (forward, listen, remote) = (sender.clone(), receiver.clone(), other.clone());
        tokio::spawn(async move { forward.forward().await });
        tokio::spawn(async move { listen.listen().await });
        tokio::spawn(async move { remote.listen().await });
        eventually("a signal arrives", async || {
            sender.signal();
            timeout(Duration::from_millis(50), receiver.signalled()).await.is_ok()
        })
        .await;
        assert_eq!(other.signalled().now_or_never(), None);
    });
}

#[test]
fn signals_arrive_again_after_the_server_cut_the_listener_off() {
    on_postgres(async |place| {
        let store = place.open(&[]).await;
        let (sender, receiver) = (store.wake("channel"), store.wake("channel"));
        let (forward, listen) = (sender.clone(), receiver.clone());
        tokio::spawn(async move { forward.forward().await });
        tokio::spawn(async move { listen.listen().await });
        let heard = async || {
            sender.signal();
            timeout(Duration::from_millis(50), receiver.signalled()).await.is_ok()
        };
        eventually("a signal arrives", heard).await;
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND query LIKE 'LISTEN%'";
        assert_eq!(query(cut).fetch_all(store.reader()).await.unwrap().len(), 1);
        // The last signal may not have arrived yet.
        let _ = timeout(Duration::from_millis(100), receiver.signalled()).await;
        eventually("signals arrive again", heard).await;
    });
}
