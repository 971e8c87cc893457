use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// The background tasks of a process, each of which must live until it is told to stop.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    running: Mutex<Vec<&'static str>>,
    /// The first task that ended too early.
    lost: OnceLock<&'static str>,
    failed: CancellationToken,
    stopping: CancellationToken,
    killed: CancellationToken,
}

impl Tasks {
    pub(crate) fn spawn(self: &Arc<Self>, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let tasks = Arc::clone(self);
        self.names(|running| running.push(name));
        self.see_through(async move {
            let panicked = AssertUnwindSafe(task).catch_unwind().await.is_err();
            tasks.ended(name, panicked);
        });
    }

    /// Starts work that is waited for when the process ends.
    pub(crate) fn see_through<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<Option<T>> {
        // Its lines in the log belong to the request that it is done for.
        self.tracker.spawn(self.killed.clone().run_until_cancelled_owned(work.in_current_span()))
    }

    /// Drops all tasks where they stand.
    pub(crate) fn kill(&self) {
        self.killed.cancel();
    }

    fn ended(&self, name: &'static str, panicked: bool) {
        self.names(|running| {
            if let Some(position) = running.iter().position(|other| *other == name) {
                running.swap_remove(position);
            }
        });
        if panicked || !self.stopping.is_cancelled() {
            tracing::error!(task = name, panicked, "a background task ended before it was told to stop");
            // Only the first one counts: the others may be its consequences.
            self.lost.get_or_init(|| name);
            self.failed.cancel();
        }
    }

    /// Cancelled when the tasks are to end.
    pub(crate) const fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Waits until a task ends that should not have.
    pub(crate) async fn failed(&self) {
        self.failed.cancelled().await;
    }

    /// The task that ended too early, if one did.
    pub(crate) fn lost(&self) -> Option<&'static str> {
        self.lost.get().copied()
    }

    /// Tells the tasks to end and waits until all have.
    pub(crate) async fn stop(&self) {
        self.stopping.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// The names of the tasks that have not ended.
    pub(crate) fn running(&self) -> Vec<&'static str> {
        self.names(|running| running.clone())
    }

    fn names<T>(&self, with: impl FnOnce(&mut Vec<&'static str>) -> T) -> T {
        with(&mut self.running.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
