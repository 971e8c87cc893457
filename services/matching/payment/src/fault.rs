use std::hint::black_box;
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use tokio::runtime::Handle;

/// How much memory is taken at most. Several times what a replica may have: k8s/base/context/deployment.yaml.
const HOARD: usize = 1 << 30;
/// How much of it at a time, and how long it takes until the next: slow enough to be seen coming.
const BITE: usize = 16 << 20;
const BITE_EVERY: Duration = Duration::from_millis(50);

/// Something that goes wrong with a whole process, as real ones do: to show who notices, and what is done about it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub kind: Kind,
    /// Another number makes it happen once more.
    pub number: u32,
    /// With which process, by its HOSTNAME: in Kubernetes the name of its pod. Without it, with all.
    #[serde(default)]
    pub host: Option<String>,
}

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Every thread that does work waits for ever, as in a deadlock. Not even SIGTERM is seen.
    Stuck,
    /// Memory is taken and never given back, until the process has 1 GiB more than it needs.
    OutOfMemory,
}

impl Fault {
    /// Makes it happen to this process, if it is the one.
    pub(crate) fn strike(&self) {
        if self.host.is_some() && self.host != std::env::var("HOSTNAME").ok() {
            return;
        }
        tracing::warn!(fault = ?self, "goes wrong ON PURPOSE");
        match self.kind {
            Kind::Stuck => stick(&Handle::current()),
            Kind::OutOfMemory => drop(thread::spawn(hoard)),
        }
    }
}

/// As many tasks as there are workers, none of which lets go of its worker.
fn stick(runtime: &Handle) {
    for _ in 0..runtime.metrics().num_workers() {
        runtime.spawn(async {
            loop {
                thread::park();
            }
        });
    }
}

fn hoard() {
    let mut hoard = Vec::new();
    while hoard.len() * BITE < HOARD {
        // Written to, else the system only promises it.
        hoard.push(black_box(vec![1_u8; BITE]));
        thread::sleep(BITE_EVERY);
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
        let does_something = || {
            let (said, heard) = mpsc::channel();
            runtime.spawn(async move { said.send(()) });
            heard.recv_timeout(Duration::from_millis(500)).is_ok()
        };
        assert!(does_something());
        stick(runtime.handle());
        // One worker may be stuck a moment before the other.
        assert!((0..20).any(|_| !does_something()), "it goes on");
        runtime.shutdown_background();
    }
}
