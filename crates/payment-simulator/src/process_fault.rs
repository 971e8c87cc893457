use std::hint::black_box;
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use tokio::runtime::Handle;

/// The maximum of the memory that is taken: several times the limit of a replica (`k8s/base/context/deployment.yaml`).
const MAX_BYTES: usize = 1 << 30;

/// The memory that is taken per step. Slow enough to be observed.
const STEP_BYTES: usize = 16 << 20;
const STEP_INTERVAL: Duration = Duration::from_millis(50);

/// A fault of the whole process, to show which part of the system notices it, and what it does about it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProcessFault {
    /// The kind.
    pub kind: Kind,
    /// Another number repeats the fault.
    pub number: u32,
    /// The `HOSTNAME` of the process, in Kubernetes the name of its pod. `None`: all processes.
    #[serde(default)]
    pub host: Option<String>,
}

/// The kind of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// All worker threads wait for ever, as in a deadlock. SIGTERM has no effect.
    Stuck,
    /// Memory is taken and never freed, up to 1 GiB.
    OutOfMemory,
}

impl ProcessFault {
    /// Causes the fault, if it is for this process.
    pub(crate) fn cause(&self) {
        if self.host.is_some() && self.host != std::env::var("HOSTNAME").ok() {
            return;
        }
        tracing::warn!(fault = ?self, "this process fails ON PURPOSE");
        match self.kind {
            Kind::Stuck => block_workers(&Handle::current()),
            Kind::OutOfMemory => drop(thread::spawn(take_memory)),
        }
    }
}

/// One task per worker, none of which yields.
fn block_workers(runtime: &Handle) {
    for _ in 0..runtime.metrics().num_workers() {
        runtime.spawn(async {
            loop {
                thread::park();
            }
        });
    }
}

fn take_memory() {
    let mut taken = Vec::new();
    while taken.len() * STEP_BYTES < MAX_BYTES {
        // Written to: otherwise the system does not provide it.
        taken.push(black_box(vec![1_u8; STEP_BYTES]));
        thread::sleep(STEP_INTERVAL);
    }
    loop {
        thread::park();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_stuck_process_does_nothing_any_more() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let runs_a_task = || {
            let (sender, receiver) = mpsc::channel();
            runtime.spawn(async move { sender.send(()) });
            receiver.recv_timeout(Duration::from_millis(500)).is_ok()
        };
        assert!(runs_a_task());
        block_workers(runtime.handle());
        // One worker may be blocked before the other, which then runs the task.
        let always_runs = (0..3_000).all(|_| {
            thread::sleep(Duration::from_millis(10));
            runs_a_task()
        });
        // Not dropped: that would wait for the blocked threads.
        runtime.shutdown_background();
        assert!(!always_runs, "it still runs tasks");
    }
}
