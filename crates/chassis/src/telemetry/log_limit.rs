//! A rate limit per log call site: a failure that repeats thousands of times is logged a few times, then counted.
//!
//! A call site is a place in the code that logs (`tracing::warn!` and the like). The content of the lines does not
//! matter, so the memory is bounded by the code and not by clients. Lines of the crate `log` have no call site: level
//! and target identify them (librdkafka is such a target). Levels below INFO are not limited: they are enabled to see
//! everything.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Number of suppressed lines, by level.
pub(crate) const SUPPRESSED: &str = "log_lines_suppressed_total";
/// The target of the reports. A log filter by modules (LOG) should include it.
const TARGET: &str = "log_limit";
/// Targets of the crate `log` with a limit of their own. The others share one.
const MAX_TARGETS: usize = 256;

/// Admits `burst` lines per call site and interval, and counts the others.
#[derive(Debug)]
pub(crate) struct LogLimit {
    burst: u32,
    interval: Duration,
    sites: Mutex<HashMap<CallSite, Window>>,
}

/// The origin of a line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct CallSite {
    /// The address of its metadata, which is static.
    callsite: usize,
    /// The target, for lines of the crate `log`.
    target: Option<String>,
}

/// The current interval of a call site.
#[derive(Debug)]
struct Window {
    metadata: &'static Metadata<'static>,
    began: Instant,
    admitted: u32,
    suppressed: u64,
}

/// The suppressed lines of a call site.
#[derive(Debug, PartialEq, Eq)]
struct Suppressed {
    level: Level,
    module: String,
    call_site: String,
    lines: u64,
}

impl LogLimit {
    /// `burst` lines per `interval`; 0: no limit.
    pub(crate) fn new(burst: u32, interval: Duration) -> Self {
        Self { burst, interval, sites: Mutex::default() }
    }

    /// The layer that applies the limit.
    pub(crate) fn layer(self: Arc<Self>) -> LimitLayer {
        LimitLayer(self)
    }

    /// Whether the line may be logged.
    fn admit(&self, site: CallSite, metadata: &'static Metadata<'static>, now: Instant) -> bool {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        let site = if site.target.is_some() && sites.len() >= MAX_TARGETS && !sites.contains_key(&site) {
            CallSite { target: None, ..site }
        } else {
            site
        };
        let window = match sites.entry(site) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Window { metadata, began: now, admitted: 0, suppressed: 0 }),
        };
        if now.duration_since(window.began) >= self.interval {
            (window.began, window.admitted) = (now, 0);
        }
        let admitted = window.admitted < self.burst;
        if admitted {
            window.admitted += 1;
        } else {
            window.suppressed += 1;
        }
        admitted
    }

    /// Logs the suppressed lines of each call site since the last report.
    pub(crate) fn report(&self) {
        for Suppressed { level, module, call_site, lines } in self.drain() {
            metrics::counter!(SUPPRESSED, "level" => level.as_str()).increment(lines);
            let (burst, interval) = (self.burst, self.interval);
            // At the level of the suppressed lines: a filter shows both or none.
            macro_rules! log_count {
                ($level:expr) => {
                    tracing::event!(
                        target: TARGET, $level, suppressed = lines, module, call_site, burst, ?interval,
                        "lines of one call site were suppressed"
                    )
                };
            }
            match level {
                Level::ERROR => log_count!(Level::ERROR),
                Level::WARN => log_count!(Level::WARN),
                _ => log_count!(Level::INFO),
            }
        }
    }

    fn drain(&self) -> Vec<Suppressed> {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = sites.iter_mut().filter(|(_, window)| window.suppressed > 0);
        counted.map(|(site, window)| Suppressed::of(site, window)).collect()
    }
}

impl Suppressed {
    /// The suppressed lines of this call site. Resets its count.
    fn of(site: &CallSite, window: &mut Window) -> Self {
        let metadata = window.metadata;
        let place = metadata.file().zip(metadata.line());
        Self {
            level: *metadata.level(),
            module: site.target.clone().unwrap_or_else(|| metadata.target().to_owned()),
            call_site: place.map_or_else(|| metadata.name().to_owned(), |(file, line)| format!("{file}:{line}")),
            lines: std::mem::take(&mut window.suppressed),
        }
    }
}

impl CallSite {
    fn of(event: &Event<'_>) -> Self {
        let metadata = event.metadata();
        let mut target = LogTarget(None);
        // `tracing-log` gives all lines of the crate `log` with one level the same call site.
        if metadata.target() == "log" && metadata.file().is_none() {
            event.record(&mut target);
        }
        Self { callsite: std::ptr::from_ref(metadata).addr(), target: target.0 }
    }
}

/// The target of a line of the crate `log`.
struct LogTarget(Option<String>);

impl Visit for LogTarget {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "log.target" {
            self.0 = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// Applies the limit to the lines that the log filter admits.
#[derive(Debug)]
pub(crate) struct LimitLayer(Arc<LogLimit>);

impl<S: Subscriber> Layer<S> for LimitLayer {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        let limited = self.0.burst > 0 && *metadata.level() <= Level::INFO && metadata.target() != TARGET;
        !limited || self.0.admit(CallSite::of(event), metadata, Instant::now())
    }
}

#[cfg(test)]
#[path = "log_limit_tests.rs"]
mod tests;
