use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::clients::Clients;
use crate::execution::{Outcome, Settings};
use crate::timeline::Entry;
use workload::Operation;

/// The report of a run.
pub struct RunReport<'a> {
    /// The settings.
    pub settings: Settings,
    /// The responses and the faults.
    pub clients: &'a Clients,
    /// The operation that repeats another one.
    pub repetition: Operation,
    /// The outcome.
    pub outcome: &'a Outcome,
    /// The skipped faults, with the reasons.
    pub skipped: &'a [String],
}

impl RunReport<'_> {
    /// The problems, a line each. None: the run has passed.
    pub fn problems(&self) -> Vec<String> {
        let observed = self.clients.observed();
        let mut problems = Vec::new();
        if observed.violation_count > 0 {
            problems.push(format!("{} responses are not documented", observed.violation_count));
        }
        if let Some(reason) = &self.outcome.unsettled {
            problems.push(format!("the fleet did not become quiescent: {reason}"));
        }
        if !self.outcome.report.holds() {
            problems.push("the auditor has found violations".to_owned());
        }
        if self.outcome.rejections == Some(0) {
            problems.push("the greedy client was never rejected".to_owned());
        }
        if let Some((0, unit)) = self.outcome.counts.first() {
            problems.push(format!("0 {unit}: the run proves nothing"));
        }
        problems
    }

    fn timeline(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nFAULTS\n{:>9} {:>9}  kind and target", "at", "for")?;
        for Entry { from, to, kind, target, .. } in self.clients.timeline.all() {
            let lasted = to.map(|to| seconds(to.saturating_sub(from))).unwrap_or_default();
            writeln!(f, "{:>9} {lasted:>9}  {kind:<32} {target}", seconds(from))?;
        }
        Ok(())
    }

    fn counts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.clients.timeline.all();
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in all.iter().filter(|entry| entry.injected) {
            *kinds.entry(&entry.kind).or_default() += 1;
        }
        let unexpected = all.iter().filter(|entry| !entry.injected).count();
        let observed = self.clients.observed();
        writeln!(f, "\nNUMBERS")?;
        for (count, unit) in &self.outcome.counts {
            writeln!(f, "{count:>9}  {unit}")?;
        }
        let requests = observed.statistics.requests();
        writeln!(
            f,
            "{requests:>9}  requests, of which {} had no response from an unavailable gateway",
            observed.excused
        )?;
        let repeated = observed.statistics.total(self.repetition, Some(200));
        writeln!(f, "{repeated:>9}  requests that were repeated and had the same response")?;
        let named = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ");
        writeln!(f, "{:>9}  faults: {named}", kinds.values().sum::<usize>())?;
        writeln!(f, "{unexpected:>9}  times a process ended by itself, or failed after SIGTERM")?;
        if let Some(rejections) = self.outcome.rejections {
            writeln!(f, "{rejections:>9}  times the greedy client was rejected")?;
        }
        writeln!(f, "{:>9}  until the fleet was quiescent", seconds(self.outcome.settled_after))
    }
}

impl fmt::Display for RunReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timeline(f)?;
        {
            let observed = self.clients.observed();
            writeln!(f, "\nRESPONSES per second by status\n{}", observed.statistics.over_time())?;
            writeln!(f, "… and in total\n{}", observed.statistics.by_operation())?;
            writeln!(f, "longest wait: {}", seconds(observed.statistics.longest()))?;
            for violation in &observed.violations {
                writeln!(f, "NOT DOCUMENTED: {violation}")?;
            }
        }
        self.counts(f)?;
        writeln!(f, "\nAUDIT\n{}", self.outcome.report)?;
        for reason in self.skipped {
            writeln!(f, "SKIPPED: {reason}")?;
        }
        let problems = self.problems();
        for line in &problems {
            writeln!(f, "PROBLEM: {line}")?;
        }
        let verdict = if problems.is_empty() { "passed" } else { "FAILED" };
        writeln!(f, "seed {}: {verdict}", self.settings.seed)
    }
}

fn seconds(span: Duration) -> String {
    format!("{:.1} s", span.as_secs_f64())
}
