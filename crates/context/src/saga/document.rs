//! The steps and the states of a saga, printed for the documents from its definition.

use std::fmt::Write as _;

use crate::saga::{Definition, Phase, Recovery, SagaTable};

/// A state of an attempt: the phase, and the step that was reached, from 0. `None`: there is no row.
pub type State = Option<(Phase, usize)>;

/// A transition between two states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The state before.
    pub from: State,
    /// The state after.
    pub to: State,
    /// When it takes place.
    pub when: String,
}

/// All transitions of a saga.
pub fn transitions<D: Definition>() -> Vec<Transition> {
    let pending = Some((Phase::Pending, 0));
    let mut all = vec![
        transition(None, pending, "a request begins"),
        transition(Some((Phase::Void, 0)), pending, "a later attempt begins"),
    ];
    let participants = D::STEPS.iter().map(|step| step.participant).enumerate();
    all.extend(participants.flat_map(|(step, participant)| transitions_at::<D>(step, participant)));
    all
}

fn transitions_at<D: Definition>(step: usize, participant: &str) -> Vec<Transition> {
    let last = D::STEPS.len() - 1;
    let after = |phase| Some(if step == last { (Phase::Established, last) } else { (phase, step + 1) });
    let (pending, compensating) = (Some((Phase::Pending, step)), Some((Phase::Compensating, step)));
    let done = format!("{participant} has done it");
    let mut all = vec![transition(pending, after(Phase::Pending), &done)];
    if step == 0 {
        let when = format!("{participant} declines, or was not called");
        all.push(transition(pending, None, &when));
        if D::TABLE.keep.is_some() {
            all.push(transition(pending, Some((Phase::Void, 0)), &format!("{when}, and the row is kept")));
        }
    }
    match D::RECOVERY {
        Recovery::Backward => {
            let when = if step == 0 { "unknown outcome" } else { "declined, not called, or unknown outcome" };
            all.push(transition(pending, compensating, &format!("{participant}: {when}")));
        }
        Recovery::Forward => {
            let completing = Some((Phase::Completing, step));
            let when = if step == 0 { "unknown outcome" } else { "not called, or unknown outcome" };
            all.push(transition(pending, completing, &format!("{participant}: {when}")));
            if step > 0 {
                all.push(transition(pending, compensating, &format!("{participant} declines")));
            }
            all.push(transition(completing, after(Phase::Completing), &done));
            all.push(transition(completing, compensating, &format!("{participant} declines")));
        }
    }
    let before = Some(step.checked_sub(1).map_or((Phase::Void, 0), |before| (Phase::Compensating, before)));
    all.push(transition(compensating, before, &format!("{participant} confirms the compensation")));
    all
}

fn transition(from: State, to: State, when: &str) -> Transition {
    Transition { from, to, when: when.to_owned() }
}

/// The steps as a table and the states as a diagram, in Markdown.
pub fn document<D: Definition>() -> String {
    let mut text = "| step | participant | action | compensation |\n|---|---|---|---|\n".to_owned();
    for (number, step) in (1..).zip(D::STEPS) {
        let _ = writeln!(text, "| {number} | {} | {} | {} |", step.participant, step.action, step.compensation);
    }
    text.push_str("\n```mermaid\nstateDiagram-v2\n");
    let several = D::STEPS.len() > 1;
    for Transition { from, to, when } in transitions::<D>() {
        let (from, to) = (name(&D::TABLE, from, several), name(&D::TABLE, to, several));
        // A colon ends the label of a transition.
        let _ = writeln!(text, "    {from} --> {to}: {}", when.replace(':', ","));
    }
    text.push_str("```\n");
    text
}

/// The name of a state in the diagram: the stored name of its phase, and the number of its step.
fn name(table: &SagaTable, state: State, several: bool) -> String {
    match state {
        None => "[*]".to_owned(),
        Some((phase @ (Phase::Pending | Phase::Completing | Phase::Compensating), step)) if several => {
            format!("{}_{}", table.name_of(phase), step + 1)
        }
        Some((phase, _)) => table.name_of(phase).to_owned(),
    }
}
