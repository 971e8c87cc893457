//! Output for the user.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A writer of lines. Clones share it.
#[derive(Clone)]
pub struct Screen(Arc<Mutex<dyn Write + Send>>);

impl Screen {
    /// Writes to stdout.
    pub fn stdout() -> Self {
        Self::to(io::stdout())
    }

    /// Writes to stderr.
    pub fn stderr() -> Self {
        Self::to(io::stderr())
    }

    /// Writes to `writer`.
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }

    /// Writes one line. Errors are ignored: a closed terminal must not stop a fleet.
    pub fn line(&self, line: impl Display) {
        let _gone = self.try_line(line);
    }

    /// Writes one line. Fails if the reader is gone.
    pub fn try_line(&self, line: impl Display) -> io::Result<()> {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(writer, "{line}").and_then(|()| writer.flush())
    }
}

/// Formats a duration in milliseconds.
pub fn millis(span: Duration) -> String {
    format!("{} ms", span.as_millis())
}
