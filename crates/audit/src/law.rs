use crate::{Case, CaseEvent, Fields, ImpliedEvent, Operation, Table, Verdict};

/// A law of the business. It is checked against one case at a time.
#[derive(Debug)]
pub struct Law {
    pub(crate) name: &'static str,
    check: Check,
}

/// Adds each violation of a case. The result tells whether the law concerns the case.
type CheckCase = fn(&Case<'_>, &mut Vec<String>) -> bool;

/// Adds each violation of a case that the law concerns.
type CheckConcerned = fn(&Case<'_>, &mut Vec<String>);

/// The place of an event in its topic: an earlier one has a lower rank.
type Rank = fn(&CaseEvent) -> (i64, usize);

#[derive(Debug)]
enum Check {
    Case(CheckCase),
    Answered { operation: &'static str, statuses: &'static [u16], check: CheckConcerned },
    NeverAnswered { operation: &'static str, statuses: &'static [u16], check: CheckConcerned },
    EmitsExactly { table: Table, implied: fn(&Case<'_>) -> Vec<ImpliedEvent> },
    InOrder(Rank),
    Folds { table: Table, fold: fn(&Case<'_>) -> Option<Fields> },
}

impl Law {
    /// A law about cases.
    pub const fn new(name: &'static str, check: CheckCase) -> Self {
        Self { name, check: Check::Case(check) }
    }

    /// A law about cases for which an operation had one of these statuses.
    pub const fn answered(
        name: &'static str,
        operation: &'static str,
        statuses: &'static [u16],
        check: CheckConcerned,
    ) -> Self {
        Self { name, check: Check::Answered { operation, statuses, check } }
    }

    /// A law about cases for which an operation never had one of these statuses, and each response was definite.
    pub const fn never_answered(
        name: &'static str,
        operation: &'static str,
        statuses: &'static [u16],
        check: CheckConcerned,
    ) -> Self {
        Self { name, check: Check::NeverAnswered { operation, statuses, check } }
    }

    /// The topic of a table's context has exactly the events that the state of the case implies.
    pub const fn emits_exactly(name: &'static str, table: Table, implied: fn(&Case<'_>) -> Vec<ImpliedEvent>) -> Self {
        Self { name, check: Check::EmitsExactly { table, implied } }
    }

    /// Within each topic, the ranks of the events of a case rise.
    pub const fn in_order(name: &'static str, rank: Rank) -> Self {
        Self { name, check: Check::InOrder(rank) }
    }

    /// The row of a table is what an independent fold of the events gives.
    pub const fn folds(name: &'static str, table: Table, fold: fn(&Case<'_>) -> Option<Fields>) -> Self {
        Self { name, check: Check::Folds { table, fold } }
    }

    /// Whether it cannot be checked without a client history.
    pub(crate) const fn needs_client_history(&self) -> bool {
        matches!(self.check, Check::Answered { .. } | Check::NeverAnswered { .. })
    }

    /// Checks a case, and counts it if the law concerns it.
    pub(crate) fn apply(&self, case: &Case<'_>, verdict: &mut Verdict) {
        let mut violations = Vec::new();
        let concerned = self.check.run(case, &mut violations);
        verdict.looked_at += usize::from(concerned);
        for violation in violations {
            verdict.violated(case.id, violation);
        }
    }
}

impl Check {
    fn run(&self, case: &Case<'_>, violations: &mut Vec<String>) -> bool {
        match self {
            Self::Case(check) => check(case, violations),
            Self::Answered { operation, statuses, check } => {
                run_if(has_status(case, operation, statuses), *check, case, violations)
            }
            Self::NeverAnswered { operation, statuses, check } => {
                let mut operations = case.operations(operation).peekable();
                let some = operations.peek().is_some();
                let definite = some && !operations.any(Operation::is_unknown);
                run_if(definite && !has_status(case, operation, statuses), *check, case, violations)
            }
            Self::EmitsExactly { table, implied } => emits_exactly(case, table, implied(case), violations),
            Self::InOrder(rank) => in_order(case, *rank, violations),
            Self::Folds { table, fold } => folds(case, table, fold(case), violations),
        }
    }
}

fn run_if(concerned: bool, check: CheckConcerned, case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    if concerned {
        check(case, violations);
    }
    concerned
}

fn has_status(case: &Case<'_>, operation: &str, statuses: &[u16]) -> bool {
    let mut given = case.operations(operation).filter_map(|operation| operation.status);
    given.any(|status| statuses.contains(&status))
}

/// Adds each event that is implied but not in the topic, or in the topic but not implied.
fn emits_exactly(case: &Case<'_>, table: &Table, implied: Vec<ImpliedEvent>, violations: &mut Vec<String>) -> bool {
    let context = table.context;
    let mut found: Vec<&CaseEvent> = case.published_by(context).collect();
    let concerned = !found.is_empty() || !implied.is_empty() || case.row(table).is_some();
    for ImpliedEvent { kind, fields } in implied {
        let same = |event: &&CaseEvent| event.is(kind) && event.fields.differences(&fields).next().is_none();
        if let Some(place) = found.iter().position(same) {
            found.swap_remove(place);
        } else {
            violations.push(format!("the topic of {context} lacks {} {fields}", kind.name));
        }
    }
    found.sort_by_key(|event| event.at);
    for CaseEvent { kind, fields, .. } in found {
        violations.push(format!("the topic of {context} has {kind} {fields}, which the state does not imply"));
    }
    concerned
}

fn in_order(case: &Case<'_>, rank: Rank, violations: &mut Vec<String>) -> bool {
    let neighbours = case.events().iter().zip(case.events().iter().skip(1));
    let disordered = neighbours.filter(|(one, next)| one.context == next.context && rank(one) >= rank(next));
    violations.extend(disordered.map(|(one, next)| {
        let CaseEvent { context, kind, fields, .. } = next;
        format!("in the topic of {context}, {kind} {fields} follows {} {}", one.kind, one.fields)
    }));
    !case.events().is_empty()
}

/// Every judged column counts, also one that the fold does not name: it is null then.
fn folds(case: &Case<'_>, table: &Table, folded: Option<Fields>, violations: &mut Vec<String>) -> bool {
    let Table { context, name, .. } = table;
    match (case.row(table), folded) {
        (None, None) => return false,
        (Some(_), None) => violations.push(format!("{context} has a row in {name}, but the topics imply none")),
        (None, Some(folded)) => {
            violations.push(format!("{context} has no row in {name}, but the topics imply {folded}"));
        }
        (Some(row), Some(folded)) => {
            let differ =
                row.differences(&folded).filter(|column| *column != table.key && !table.not_judged.contains(column));
            violations.extend(differ.map(|column| {
                let (kept, implied) = (row.show(column), folded.show(column));
                format!("{column} in {name} of {context} is {kept}, but the topics imply {implied}")
            }));
        }
    }
    true
}
