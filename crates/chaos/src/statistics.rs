use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use workload::Operation;

/// The responses of a run: by operation and status over time, and the longest wait.
#[derive(Debug)]
pub struct Statistics {
    /// The span that a line of the table covers.
    span: Duration,
    spans: Vec<Span>,
}

/// The responses within one span. No status: there was no response.
#[derive(Debug, Default, Clone)]
struct Span {
    counts: BTreeMap<(Operation, Option<u16>), u32>,
    longest: Duration,
}

impl Statistics {
    /// For a run of this length, shown in so many lines.
    pub fn of(length: Duration, lines: u32) -> Self {
        Self { span: (length / lines.max(1)).max(Duration::from_secs(1)), spans: Vec::new() }
    }

    /// Counts a response, so long after the beginning.
    pub fn count(&mut self, at: Duration, operation: Operation, status: Option<u16>, took: Duration) {
        let index = usize::try_from(at.as_millis() / self.span.as_millis()).unwrap_or_default();
        if self.spans.len() <= index {
            self.spans.resize(index + 1, Span::default());
        }
        let span = &mut self.spans[index];
        *span.counts.entry((operation, status)).or_default() += 1;
        span.longest = span.longest.max(took);
    }

    /// How often an operation had this status.
    pub fn total(&self, operation: Operation, status: Option<u16>) -> u64 {
        self.spans.iter().filter_map(|span| span.counts.get(&(operation, status))).map(|count| u64::from(*count)).sum()
    }

    /// The number of requests, with and without a response.
    pub fn requests(&self) -> u64 {
        self.spans.iter().flat_map(|span| span.counts.values()).map(|count| u64::from(*count)).sum()
    }

    /// The longest wait for a response.
    pub fn longest(&self) -> Duration {
        self.spans.iter().map(|span| span.longest).max().unwrap_or_default()
    }

    /// Responses per second by status over time, and the longest wait.
    pub fn over_time(&self) -> String {
        let statuses: BTreeSet<Option<u16>> = self.keys().into_iter().map(|(_, status)| status).collect();
        let mut text = format!("{:>12}", "seconds");
        for status in &statuses {
            let _infallible = write!(text, "{:>8}", named(*status));
        }
        text.push_str("   longest wait\n");
        for (index, span) in (0_u32..).zip(&self.spans) {
            let (from, to) = ((self.span * index).as_secs(), (self.span * (index + 1)).as_secs());
            let _infallible = write!(text, "{:>12}", format!("{from}-{to}"));
            for status in &statuses {
                let count = span.counts.iter().filter(|((_, given), _)| given == status);
                let count: u32 = count.map(|(_, count)| count).sum();
                let _infallible = write!(text, "{:>8}", per_second(count, self.span));
            }
            let _infallible = writeln!(text, "{:>13.2} s", span.longest.as_secs_f64());
        }
        text
    }

    /// How often each operation had each status.
    pub fn by_operation(&self) -> String {
        let keys = self.keys();
        let operations: BTreeSet<Operation> = keys.iter().map(|(operation, _)| *operation).collect();
        let mut text = String::new();
        for operation in operations {
            let statuses = keys.iter().filter(|(of, _)| *of == operation);
            let statuses =
                statuses.map(|(_, status)| format!("{} × {}", self.total(operation, *status), named(*status)));
            let _infallible = writeln!(text, "{operation:>16}  {}", statuses.collect::<Vec<_>>().join(", "));
        }
        text
    }

    fn keys(&self) -> BTreeSet<(Operation, Option<u16>)> {
        self.spans.iter().flat_map(|span| span.counts.keys().copied()).collect()
    }
}

fn named(status: Option<u16>) -> String {
    status.map_or_else(|| "none".to_owned(), |status| status.to_string())
}

/// A dot for zero: other numbers stand out.
fn per_second(count: u32, span: Duration) -> String {
    if count == 0 { ".".to_owned() } else { format!("{:.1}", f64::from(count) / span.as_secs_f64()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFT: Operation = Operation::new("lift", &[201]);
    const LIST: Operation = Operation::new("list", &[200]);

    #[test]
    fn responses_are_counted_in_their_span_and_shown_per_second() {
        let mut statistics = Statistics::of(Duration::from_secs(20), 2);
        let second = Duration::from_secs;
        for at in [0, 1, 9] {
            statistics.count(second(at), LIFT, Some(201), Duration::from_millis(5));
        }
        statistics.count(second(10), LIFT, Some(503), second(2));
        statistics.count(second(21), LIST, None, second(30));
        assert_eq!(statistics.total(LIFT, Some(201)), 3);
        assert_eq!((statistics.requests(), statistics.longest()), (5, second(30)));
        let lines: Vec<String> = statistics.over_time().lines().map(str::to_owned).collect();
        let cells = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(cells(&lines[0]), ["seconds", "none", "201", "503", "longest", "wait"]);
        assert_eq!(cells(&lines[1]), ["0-10", ".", "0.3", ".", "0.01", "s"]);
        assert_eq!(cells(&lines[2]), ["10-20", ".", ".", "0.1", "2.00", "s"]);
        assert_eq!(cells(&lines[3]), ["20-30", "0.1", ".", ".", "30.00", "s"]);
        assert!(statistics.by_operation().contains("lift  3 × 201, 1 × 503\n"), "{}", statistics.by_operation());
    }
}
