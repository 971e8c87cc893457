use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

/// How many violations of each law a report shows, with their histories, unless all are requested.
pub const SHOWN: usize = 20;

/// The result of an audit. Its text has a line per law, and then the violations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// One per law, in their order.
    pub verdicts: Vec<Verdict>,
    /// The histories of the cases that violate a law, as far as they are shown.
    pub histories: BTreeMap<i64, Vec<String>>,
    #[serde(skip)]
    shown: usize,
}

/// The result of one law.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The law, as a plain sentence.
    pub law: &'static str,
    /// How many cases it concerns.
    pub looked_at: usize,
    /// The cases for which it does not hold.
    pub violations: Vec<Violation>,
    /// The reason, if it was not checked.
    pub left_out: Option<String>,
}

/// A case that violates a law.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    /// The business case; 0 if it concerns none.
    pub case: i64,
    /// The violation.
    pub what: String,
}

impl Verdict {
    /// A law without a violation yet.
    pub const fn new(law: &'static str) -> Self {
        Self { law, looked_at: 0, violations: Vec::new(), left_out: None }
    }

    /// A law that cannot be checked, and the reason.
    pub fn left_out(law: &'static str, why: String) -> Self {
        Self { left_out: Some(why), ..Self::new(law) }
    }

    /// Adds a violation.
    pub fn violated(&mut self, case: i64, what: impl Into<String>) {
        self.violations.push(Violation { case, what: what.into() });
    }
}

impl Report {
    /// These verdicts, with the histories of the first `most` violations of each law.
    pub fn new(verdicts: Vec<Verdict>, most: usize, history: impl Fn(i64) -> Vec<String>) -> Self {
        let shown = verdicts.iter().flat_map(|verdict| verdict.violations.iter().take(most));
        let cases: BTreeSet<i64> = shown.map(|violation| violation.case).collect();
        let histories = cases.into_iter().map(|case| (case, history(case))).filter(|(_, lines)| !lines.is_empty());
        Self { histories: histories.collect(), shown: most, verdicts }
    }

    /// Whether all laws hold, as far as they were checked.
    pub fn holds(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.violations.is_empty())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>14}  {:>9}  LAW", "VERDICT", "LOOKED AT")?;
        for verdict in &self.verdicts {
            writeln!(f, "{verdict}")?;
        }
        let mut shown = BTreeSet::new();
        for verdict in self.verdicts.iter().filter(|verdict| !verdict.violations.is_empty()) {
            writeln!(f, "\nVIOLATED: {}", verdict.law)?;
            for violation in verdict.violations.iter().take(self.shown) {
                self.write_violation(f, violation, shown.insert(violation.case))?;
            }
            if let Some(more) = verdict.violations.len().checked_sub(self.shown).filter(|more| *more > 0) {
                writeln!(f, "  and {more} more")?;
            }
        }
        Ok(())
    }
}

impl Report {
    fn write_violation(
        &self,
        f: &mut fmt::Formatter<'_>,
        Violation { case, what }: &Violation,
        first: bool,
    ) -> fmt::Result {
        writeln!(f, "  {case}: {what}")?;
        let Some(history) = self.histories.get(case) else { return Ok(()) };
        if !first {
            return writeln!(f, "      its history is above");
        }
        history.iter().try_for_each(|line| writeln!(f, "      {line}"))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { law, looked_at, .. } = self;
        match (&self.left_out, self.violations.len()) {
            (Some(why), _) => write!(f, "{:>14}  {:>9}  {law} ({why})", "left out", "-"),
            (None, 0) => write!(f, "{:>14}  {looked_at:>9}  {law}", "ok"),
            (None, 1) => write!(f, "{:>14}  {looked_at:>9}  {law}", "1 violation"),
            (None, many) => write!(f, "{:>14}  {looked_at:>9}  {law}", format!("{many} violations")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts() -> Vec<Verdict> {
        let mut broken = Verdict { looked_at: 7, ..Verdict::new("what goes up comes down") };
        (1..=3).for_each(|case| broken.violated(case, "it is still up"));
        let mut other = Verdict { looked_at: 1, ..Verdict::new("nothing is lost") };
        other.violated(2, "it is lost");
        vec![
            Verdict { looked_at: 7, ..Verdict::new("all is well") },
            Verdict::left_out("nothing is heavy", "no scales".to_owned()),
            broken,
            other,
        ]
    }

    fn history(case: i64) -> Vec<String> {
        vec![format!("{case} went up")]
    }

    #[test]
    fn a_report_has_a_line_per_law_and_then_each_violation_with_its_history_once() {
        let text = Report::new(verdicts(), 2, history).to_string();
        let expected = "       VERDICT  LOOKED AT  LAW
            ok          7  all is well
      left out          -  nothing is heavy (no scales)
  3 violations          7  what goes up comes down
   1 violation          1  nothing is lost

VIOLATED: what goes up comes down
  1: it is still up
      1 went up
  2: it is still up
      2 went up
  and 1 more

VIOLATED: nothing is lost
  2: it is lost
      its history is above
";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_left_out_violates_nothing() {
        let mut verdicts = verdicts();
        assert!(!Report::new(verdicts.clone(), SHOWN, history).holds());
        verdicts.truncate(2);
        assert!(Report::new(verdicts, SHOWN, history).holds());
    }

    #[test]
    fn machines_read_all_violations_and_the_histories_that_people_see() {
        let json = serde_json::json!(Report::new(verdicts(), 1, history));
        assert_eq!(json["verdicts"][2]["violations"][2]["case"], 3);
        assert_eq!(json["verdicts"][1]["leftOut"], "no scales");
        assert_eq!(json["histories"], serde_json::json!({ "1": ["1 went up"], "2": ["2 went up"] }));
    }
}
