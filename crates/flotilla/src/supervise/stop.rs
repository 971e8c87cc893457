//! The request to stop a fleet: the first is graceful, the second is immediate.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Two cancellation tokens, cancelled in order. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// A graceful stop is requested.
    pub graceful: CancellationToken,
    /// An immediate stop is requested.
    pub immediate: CancellationToken,
}

impl Stop {
    /// A stop that SIGINT, SIGTERM and SIGHUP request.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::default();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let on_signal = stop.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => on_signal.request(),
                    _ = terminate.recv() => on_signal.request(),
                    _ = hangup.recv() => on_signal.request(),
                }
            }
        });
        Ok(stop)
    }

    /// Requests a graceful stop; from the second call on an immediate one.
    pub fn request(&self) {
        if self.graceful.is_cancelled() {
            self.immediate.cancel();
        }
        self.graceful.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_request_to_stop_is_immediate() {
        let stop = Stop::default();
        stop.request();
        assert!(stop.graceful.is_cancelled() && !stop.immediate.is_cancelled());
        stop.request();
        assert!(stop.immediate.is_cancelled());
    }
}
