//! The report of a run.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::asked::Asked;
use crate::clients::Clients;
use crate::run::{Outcome, Settings};
use crate::timeline::Entry;

/// All that a run has to tell.
pub struct Shown<'a> {
    /// What was asked for.
    pub settings: Settings,
    /// What clients saw, and when what went wrong.
    pub clients: &'a Clients,
    /// What came of it.
    pub outcome: &'a Outcome,
    /// Which faults could not be done, and why.
    pub left_out: &'a [String],
}

impl Shown<'_> {
    /// What is wrong, in a line each. Nothing: the run has passed.
    pub fn wrong(&self) -> Vec<String> {
        let seen = self.clients.seen();
        let mut wrong = Vec::new();
        if seen.faulty > 0 {
            wrong.push(format!("{} answers are not as documented", seen.faulty));
        }
        if let Some(reason) = &self.outcome.unsettled {
            wrong.push(format!("the fleet did not settle: {reason}"));
        }
        if !self.outcome.report.holds() {
            wrong.push("the auditor has found violations".to_owned());
        }
        if self.outcome.numbers.established == 0 {
            wrong.push("no match was established: nothing was tried".to_owned());
        }
        wrong
    }

    fn timeline(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nWHAT WENT WRONG\n{:>9} {:>9}  what", "at", "for")?;
        for Entry { from, to, what, on, .. } in self.clients.timeline.all() {
            let lasted = to.map(|to| seconds(to.saturating_sub(from))).unwrap_or_default();
            writeln!(f, "{:>9} {lasted:>9}  {what:<32} {on}", seconds(from))?;
        }
        Ok(())
    }

    fn counts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.clients.timeline.all();
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in all.iter().filter(|entry| entry.on_purpose) {
            *kinds.entry(&entry.what).or_default() += 1;
        }
        let by_itself = all.iter().filter(|entry| !entry.on_purpose).count();
        let numbers = self.outcome.numbers;
        let seen = self.clients.seen();
        writeln!(f, "\nNUMBERS")?;
        writeln!(f, "{:>9}  matches established, of which", numbers.established)?;
        writeln!(f, "{:>9}  cancelled", numbers.canceled)?;
        writeln!(f, "{:>9}  visits assigned, some of them cancelled", numbers.assigned)?;
        writeln!(
            f,
            "{:>9}  answers, of which {} never came, as the gateway was away",
            seen.statistics.answers(),
            seen.excused
        )?;
        let repeated = seen.statistics.total(Asked::Again, Some(200));
        writeln!(f, "{repeated:>9}  requests that were repeated and answered with the same match")?;
        let kinds_named = kinds.iter().map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", ");
        writeln!(f, "{:>9}  faults: {kinds_named}", kinds.values().sum::<usize>())?;
        writeln!(f, "{by_itself:>9}  times a process ended by itself, or not in order")?;
        writeln!(f, "{:>9}  to settle when all was over", seconds(self.outcome.settled_after))
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timeline(f)?;
        {
            let seen = self.clients.seen();
            writeln!(f, "\nWHAT CLIENTS SAW, answers per second by status\n{}", seen.statistics.over_time())?;
            writeln!(f, "… and in all\n{}", seen.statistics.by_request())?;
            writeln!(f, "longest wait: {}", seconds(seen.statistics.longest()))?;
            for fault in &seen.faults {
                writeln!(f, "NOT DOCUMENTED: {fault}")?;
            }
        }
        self.counts(f)?;
        writeln!(f, "\nTHE AUDITOR\n{}", self.outcome.report)?;
        for reason in self.left_out {
            writeln!(f, "LEFT OUT: {reason}")?;
        }
        let wrong = self.wrong();
        for line in &wrong {
            writeln!(f, "WRONG: {line}")?;
        }
        let verdict = if wrong.is_empty() { "passed: nothing was wrong" } else { "FAILED" };
        writeln!(f, "seed {}: {verdict}", self.settings.seed)
    }
}

fn seconds(span: Duration) -> String {
    format!("{:.1} s", span.as_secs_f64())
}
