//! The SQL of a saga. `$1` is the key and `$2` the attempt, except where a comment states another order.
//!
//! Each transition is one statement. It compares what it was decided on: the attempt, the phase, and the step.

use store::Table;

use crate::saga::{Phase, Recovery, SagaTable};

/// Begins an attempt, if the key is free or its latest attempt is void and earlier. `$3` is `retry_at`; the parameters
/// follow.
pub(crate) fn begin(saga: &SagaTable, parameters: &[&str]) -> String {
    let SagaTable { table: Table { name, key, .. }, attempt, phase, retry_at, .. } = saga;
    let bound = [&[*key, *attempt, *retry_at], parameters].concat();
    let values: Vec<String> = (1..=bound.len()).map(|n| format!("${n}")).collect();
    let columns = [&bound[..], &[*phase], saga.step.as_slice()].concat();
    let set: Vec<String> = columns.iter().skip(1).map(|column| format!("{column} = excluded.{column}")).collect();
    let step = if saga.step.is_some() { ", 0" } else { "" };
    format!(
        "INSERT INTO {name} ({columns}) VALUES ({values}, 'pending'{step}) ON CONFLICT ({key}) DO UPDATE SET {set} \
         WHERE {name}.{phase} = 'void' AND {name}.{attempt} < excluded.{attempt}",
        columns = columns.join(", "),
        values = values.join(", "),
        set = set.join(", "),
    )
}

/// Goes on from one step to another in the same phase. `$3` is `retry_at`; the results follow.
pub(crate) fn move_to_step(saga: &SagaTable, at: (Phase, usize), to: usize, results: &[&str]) -> String {
    let SagaTable { table: Table { name, .. }, retry_at, .. } = saga;
    let step = saga.step.map_or_else(String::new, |step| format!(", {step} = {to}"));
    let results = assignments(results, 4);
    format!("UPDATE {name} SET {retry_at} = $3{step}{results} WHERE {}", condition(saga, at))
}

/// Goes on to another phase at the same step. `$3` is `retry_at`.
pub(crate) fn move_to_phase(saga: &SagaTable, at: (Phase, usize), to: Phase) -> String {
    let SagaTable { table: Table { name, .. }, phase, retry_at, .. } = saga;
    let to = saga.name_of(to);
    format!("UPDATE {name} SET {phase} = '{to}', {retry_at} = $3 WHERE {}", condition(saga, at))
}

/// Leaves a pending attempt to the recovery, at whatever step it is. `$3` is `retry_at`.
pub(crate) fn hand_over(saga: &SagaTable, to: Phase) -> String {
    let SagaTable { table: Table { name, key, .. }, attempt, phase, retry_at, .. } = saga;
    let to = saga.name_of(to);
    format!(
        "UPDATE {name} SET {phase} = '{to}', {retry_at} = $3 WHERE {key} = $1 AND {attempt} = $2 AND {phase} = 'pending'"
    )
}

/// Establishes an attempt. The results are `$3` and following.
pub(crate) fn establish(saga: &SagaTable, at: (Phase, usize), results: &[&str]) -> String {
    let SagaTable { table: Table { name, .. }, phase, .. } = saga;
    let results = assignments(results, 3);
    let also = also(saga.on_established);
    format!("UPDATE {name} SET {phase} = 'established'{results}{also} WHERE {}", condition(saga, at))
}

/// Makes an attempt void.
pub(crate) fn void(saga: &SagaTable, at: (Phase, usize)) -> String {
    let SagaTable { table: Table { name, .. }, phase, .. } = saga;
    let also = also(saga.on_void);
    format!("UPDATE {name} SET {phase} = 'void'{also} WHERE {}", condition(saga, at))
}

/// Makes a pending attempt void that has had no effect, if its row is to be kept. `None`: no row is.
pub(crate) fn keep(saga: &SagaTable) -> Option<String> {
    Some(format!("{} AND ({})", void(saga, (Phase::Pending, 0)), saga.keep?))
}

/// Deletes a pending attempt that has had no effect.
pub(crate) fn delete(saga: &SagaTable) -> String {
    format!("DELETE FROM {} WHERE {}", saga.table.name, condition(saga, (Phase::Pending, 0)))
}

/// Takes over attempts that are due, oldest first. `$1` is the time, `$2` the end of the lease, `$3` the maximum number.
pub(crate) fn take_over(saga: &SagaTable, recovery: Recovery) -> String {
    let SagaTable { table: Table { name, key, .. }, phase, retry_at, compensating, .. } = saga;
    let due = format!("{} AND {retry_at} <= $1", unfinished(saga, recovery));
    let next = match recovery {
        Recovery::Backward => format!("'{compensating}'"),
        Recovery::Forward => format!("CASE WHEN {phase} = 'pending' THEN 'completing' ELSE {phase} END"),
    };
    format!(
        "/* recovery: take over */ UPDATE {name} SET {phase} = {next}, {retry_at} = $2 WHERE {due} AND {key} IN \
         (SELECT {key} FROM {name} WHERE {due} ORDER BY {retry_at} LIMIT $3) RETURNING {}",
        columns(saga)
    )
}

/// Reads an attempt.
pub(crate) fn find(saga: &SagaTable) -> String {
    let SagaTable { table: Table { name, key, .. }, attempt, .. } = saga;
    format!("SELECT {} FROM {name} WHERE {key} = $1 AND {attempt} = $2", columns(saga))
}

/// Counts the attempts that were handed over to the recovery. Those of requests that are being answered are pending.
pub(crate) fn count_in_recovery(saga: &SagaTable, recovery: Recovery) -> String {
    let SagaTable { table: Table { name, .. }, phase, .. } = saga;
    format!("SELECT COUNT(*) FROM {name} WHERE {} AND {phase} <> 'pending'", unfinished(saga, recovery))
}

/// The columns of the attempt, and the step that was reached: the rows of a context need not have it.
fn columns(saga: &SagaTable) -> String {
    let names = saga.table.names();
    match saga.step {
        Some(step) if !names.split(", ").any(|name| name == step) => format!("{names}, {step}"),
        _ => names,
    }
}

/// The phases as literals, so that a partial index on them is used.
fn unfinished(saga: &SagaTable, recovery: Recovery) -> String {
    let SagaTable { phase, compensating, .. } = saga;
    match recovery {
        Recovery::Backward => format!("{phase} IN ('pending', '{compensating}')"),
        Recovery::Forward => format!("{phase} IN ('pending', 'completing', '{compensating}')"),
    }
}

/// The attempt, in this phase at this step.
fn condition(saga: &SagaTable, (from, at): (Phase, usize)) -> String {
    let SagaTable { table: Table { key, .. }, attempt, phase, .. } = saga;
    let from = saga.name_of(from);
    let at = saga.step.map_or_else(String::new, |step| format!(" AND {step} = {at}"));
    format!("{key} = $1 AND {attempt} = $2 AND {phase} = '{from}'{at}")
}

fn assignments(columns: &[&str], first: usize) -> String {
    let assignments: Vec<String> = (first..).zip(columns).map(|(n, column)| format!(", {column} = ${n}")).collect();
    assignments.concat()
}

fn also(assignments: Option<&str>) -> String {
    assignments.map_or_else(String::new, |assignments| format!(", {assignments}"))
}
