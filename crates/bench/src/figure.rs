//! Figures, and their output.

use std::fmt::{self, Write as _};

use serde_json::{Value, json};

/// One figure.
#[derive(Debug, Clone)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// The unit of the value.
    pub unit: &'static str,
    /// The value of each run.
    pub runs: Vec<f64>,
    /// What it is compared with, measured alternately in the same run.
    pub beside: Option<(String, f64)>,
    /// The goal.
    pub goal: Goal,
}

/// A goal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// At least this much.
    AtLeast(f64),
    /// Less than this.
    Below(f64),
    /// At least this share of what is beside it.
    ShareAtLeast(f64),
    /// No goal.
    None,
}

impl Figure {
    /// A figure with one run.
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str, goal: Goal) -> Self {
        Self::median(name, vec![value], unit, goal)
    }

    /// The median of several runs.
    pub fn median(name: impl Into<String>, runs: Vec<f64>, unit: &'static str, goal: Goal) -> Self {
        Self { name: name.into(), unit, runs, beside: None, goal }
    }

    /// With what it is compared with.
    #[must_use]
    pub fn beside(mut self, what: impl Into<String>, value: f64) -> Self {
        self.beside = Some((what.into(), value));
        self
    }

    /// The median of the runs.
    pub fn value(&self) -> f64 {
        median(&self.runs)
    }

    /// The share of what is beside it.
    pub fn share(&self) -> Option<f64> {
        self.beside.as_ref().map(|(_, beside)| self.value() / beside)
    }

    /// Whether the goal is reached, if there is one.
    pub fn reached(&self) -> Option<bool> {
        match self.goal {
            Goal::AtLeast(goal) => Some(self.value() >= goal),
            Goal::Below(goal) => Some(self.value() < goal),
            Goal::ShareAtLeast(goal) => Some(self.share().is_some_and(|share| share >= goal)),
            Goal::None => None,
        }
    }

    fn json(&self) -> Value {
        json!({
            "what": self.name, "value": self.value(), "unit": self.unit, "runs": self.runs,
            "beside": self.beside.as_ref().map(|(what, value)| json!({ "what": what, "value": value })),
            "ratio": self.share(), "goal": self.goal.to_string(), "reached": self.reached(),
        })
    }

    fn cells(&self) -> [String; 6] {
        let runs = if self.runs.len() > 1 {
            format!(" (of {})", self.runs.iter().map(|run| short(*run)).collect::<Vec<_>>().join(", "))
        } else {
            String::new()
        };
        let beside = self.beside.as_ref().map(|(what, value)| format!("{} {what}", short(*value)));
        [
            self.name.clone(),
            format!("{} {}{runs}", short(self.value()), self.unit),
            beside.unwrap_or_default(),
            self.share().map(|share| format!("{share:.2}")).unwrap_or_default(),
            self.goal.to_string(),
            self.reached().map_or("", |reached| if reached { "reached" } else { "**MISS**" }).to_owned(),
        ]
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(goal) => write!(f, ">= {}", short(*goal)),
            Self::Below(goal) => write!(f, "< {}", short(*goal)),
            Self::ShareAtLeast(goal) => write!(f, "ratio >= {goal:.2}"),
            Self::None => Ok(()),
        }
    }
}

/// All figures as a table in Markdown.
pub fn table(figures: &[Figure]) -> String {
    let head = ["figure", "measured", "beside it, in the same run", "ratio", "goal", "reached?"].map(str::to_owned);
    let rows: Vec<[String; 6]> = figures.iter().map(Figure::cells).collect();
    let width = |column: usize| rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut text = String::new();
    line(&mut text, &head, &widths);
    line(&mut text, &widths.map(|width| "-".repeat(width)), &widths);
    for row in &rows {
        line(&mut text, row, &widths);
    }
    text
}

fn line(text: &mut String, cells: &[String; 6], widths: &[usize; 6]) {
    for (cell, width) in cells.iter().zip(widths) {
        let _ = write!(text, "| {cell:<width$} ");
    }
    text.push_str("|\n");
}

/// All figures for programs.
pub fn json(machine: &[(String, String)], figures: &[Figure], failed: &[String]) -> Value {
    let machine: serde_json::Map<String, Value> =
        machine.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect();
    json!({
        "machine": machine,
        "figures": figures.iter().map(Figure::json).collect::<Vec<_>>(),
        "notMeasured": failed,
    })
}

/// Three significant digits, or all before the point.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The median; NaN without values.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The percentile by nearest rank; NaN without values.
pub fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(place).copied().unwrap_or(f64::NAN)
}

/// A count as a floating-point number.
pub fn number(count: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    let number = count as f64;
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_percentiles_are_those_of_the_sorted_values() {
        assert_eq!(short(median(&[3.0, 1.0, 2.0])), "2.00");
        assert_eq!(short(median(&[4.0, 1.0, 2.0, 3.0])), "2.50");
        assert!(median(&[]).is_nan() && percentile(&[], 99).is_nan());
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!((short(percentile(&hundred, 99)), short(percentile(&hundred, 50))), ("99.0".into(), "50.0".into()));
    }

    #[test]
    fn a_share_is_of_the_value_beside_and_a_missed_goal_is_marked() {
        let figure = |goal| Figure::new("rate", 300.0, "/s", goal).beside("commits/s", 1000.0);
        assert_eq!(figure(Goal::ShareAtLeast(0.33)).reached(), Some(false));
        assert_eq!(figure(Goal::ShareAtLeast(0.30)).reached(), Some(true));
        assert_eq!(figure(Goal::Below(300.0)).reached(), Some(false));
        assert_eq!(figure(Goal::AtLeast(300.0)).reached(), Some(true));
        assert_eq!(figure(Goal::None).reached(), None);
        let text = table(&[figure(Goal::AtLeast(600.0))]);
        assert!(
            text.contains("| 300 /s ") && text.contains("| 1000 commits/s ") && text.contains("**MISS**"),
            "{text}"
        );
    }

    #[test]
    fn without_a_value_beside_no_share_reaches_a_goal() {
        assert_eq!(Figure::new("rate", 1.0, "/s", Goal::ShareAtLeast(0.0)).reached(), Some(false));
    }
}
