use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// The background tasks of a process. Each must run until the shutdown.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    running: Mutex<Vec<&'static str>>,
    /// The first task that ended early.
    failed_task: OnceLock<&'static str>,
    failed: CancellationToken,
    stopping: CancellationToken,
    killed: CancellationToken,
}

impl Tasks {
    pub(crate) fn spawn(self: &Arc<Self>, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let tasks = Arc::clone(self);
        self.with_running(|running| running.push(name));
        self.run_to_completion(async move {
            let panicked = AssertUnwindSafe(task).catch_unwind().await.is_err();
            tasks.ended(name, panicked);
        });
    }

    /// Starts work that the shutdown waits for.
    pub(crate) fn run_to_completion<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<Option<T>> {
        // Log lines of the work belong to the current request.
        self.tracker.spawn(self.killed.clone().run_until_cancelled_owned(work.in_current_span()))
    }

    /// Drops all tasks at once.
    pub(crate) fn kill(&self) {
        self.killed.cancel();
    }

    fn ended(&self, name: &'static str, panicked: bool) {
        self.with_running(|running| {
            if let Some(position) = running.iter().position(|other| *other == name) {
                running.swap_remove(position);
            }
        });
        if panicked || !self.stopping.is_cancelled() {
            tracing::error!(task = name, panicked, "a background task ended before the shutdown");
            // Only the first one counts: it may have caused the others.
            self.failed_task.get_or_init(|| name);
            self.failed.cancel();
        }
    }

    /// Cancelled when the tasks should end.
    pub(crate) const fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Resolves when a task ends early.
    pub(crate) async fn failed(&self) {
        self.failed.cancelled().await;
    }

    /// The first task that ended early.
    pub(crate) fn failed_task(&self) -> Option<&'static str> {
        self.failed_task.get().copied()
    }

    /// Cancels the tasks and waits until all have ended.
    pub(crate) async fn stop(&self) {
        self.stopping.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// The names of the running tasks.
    pub(crate) fn running(&self) -> Vec<&'static str> {
        self.with_running(|running| running.clone())
    }

    fn with_running<T>(&self, with: impl FnOnce(&mut Vec<&'static str>) -> T) -> T {
        with(&mut self.running.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
