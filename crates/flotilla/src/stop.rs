//! When to stop: asked once, and asked again by someone who does not want to wait.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Two wishes that come one after the other. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Stop in order.
    pub asked: CancellationToken,
    /// Stop at once.
    pub forced: CancellationToken,
}

impl Stop {
    /// Follows Ctrl-C, SIGTERM and the end of the terminal.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::default();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let following = stop.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => following.ask(),
                    _ = terminate.recv() => following.ask(),
                    _ = hangup.recv() => following.ask(),
                }
            }
        });
        Ok(stop)
    }

    /// The first time: stop in order. From the second time on: at once.
    pub fn ask(&self) {
        if self.asked.is_cancelled() {
            self.forced.cancel();
        }
        self.asked.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_wish_to_stop_is_the_impatient_one() {
        let stop = Stop::default();
        stop.ask();
        assert!(stop.asked.is_cancelled() && !stop.forced.is_cancelled());
        stop.ask();
        assert!(stop.forced.is_cancelled());
    }
}
