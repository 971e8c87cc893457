use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fmt, io, thread};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

thread_local! {
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

/// One single-threaded runtime per CPU. A connection and its work stay on one thread.
///
/// Moving small units of work between threads costs more than the work, as in a gateway. Without workers connections
/// are served in the runtime of the process, with work stealing.
#[derive(Clone, Default)]
pub struct Workers {
    runtimes: Arc<[Handle]>,
    next: Arc<AtomicUsize>,
    _ended_with_the_last: Option<Arc<DropGuard>>,
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Workers").field(&self.runtimes.len()).finish()
    }
}

impl Workers {
    /// One worker for each CPU available to the process.
    pub(crate) fn start() -> io::Result<Self> {
        let ending = CancellationToken::new();
        let count = thread::available_parallelism()?.get();
        let runtimes = (0..count).map(|number| worker(number, ending.clone())).collect::<io::Result<_>>()?;
        Ok(Self { runtimes, next: Arc::default(), _ended_with_the_last: Some(Arc::new(ending.drop_guard())) })
    }

    /// The number of workers; 1 if connections are served in the runtime of the process.
    pub fn count(&self) -> usize {
        self.runtimes.len().max(1)
    }

    /// The index of the current worker, less than [`count`](Self::count); 0 on other threads. For state per worker.
    pub fn here() -> usize {
        NUMBER.get()
    }

    /// The next worker in round-robin order; the current runtime if there are none.
    pub(crate) fn next(&self) -> Handle {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        turn.checked_rem(self.runtimes.len()).map_or_else(Handle::current, |place| self.runtimes[place].clone())
    }
}

fn worker(number: usize, ending: CancellationToken) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
        NUMBER.set(number);
        runtime.block_on(ending.cancelled());
    })?;
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn each_gets_work_in_turn_and_does_it_itself() {
        let workers = Workers::start().unwrap();
        for turn in 0..2 * workers.count() {
            let number = workers.next().spawn(async { Workers::here() }).await.unwrap();
            assert_eq!(number, turn % workers.count());
        }
    }

    #[tokio::test]
    async fn what_they_do_ends_with_the_last_handle() {
        let workers = Workers::start().unwrap();
        let (held, dropped) = oneshot::channel::<()>();
        workers.clone().next().spawn(async move {
            let _held = held;
            pending::<()>().await;
        });
        drop(workers);
        assert!(dropped.await.is_err());
    }

    #[tokio::test]
    async fn without_them_work_is_done_where_it_comes_up() {
        let workers = Workers::default();
        assert_eq!((workers.count(), Workers::here()), (1, 0));
        assert_eq!(workers.next().id(), Handle::current().id());
    }
}
