use std::collections::{BTreeMap, BTreeSet};

use ambient::Timestamp;

use crate::case::References;
use crate::{Case, CaseEvent, Event, Fleet, Journal, Law, Operation, Report, SHOWN, Stores, Verdict, laws};

/// A fleet at rest: its stores, its topics, and the operations of its clients. Without these, the laws that need them are
/// not checked.
#[derive(Clone, Copy)]
pub struct Snapshot<'a> {
    /// The declaration.
    pub fleet: &'a Fleet,
    /// The rows of all stores.
    pub stores: &'a Stores,
    /// The records of all topics.
    pub journal: &'a Journal,
    /// The operations, with their responses.
    pub client_history: Option<&'a [Operation]>,
}

impl Snapshot<'_> {
    /// Checks all laws. The report has the histories of the first violations of each.
    pub fn judge(&self) -> Report {
        self.report(SHOWN)
    }

    /// Checks all laws. The report has the histories of all violations.
    pub fn judge_with_all_histories(&self) -> Report {
        self.report(usize::MAX)
    }

    fn report(&self, shown: usize) -> Report {
        let (operations, references) = (self.operations(), self.references());
        let mut verdicts: Vec<Verdict> = self.fleet.laws.iter().map(|law| self.unchecked(law)).collect();
        let mut conformance = laws::conformance();
        for id in self.ids(&operations) {
            let case = self.case(id, &operations, &references);
            laws::conforms(&case, &mut conformance);
            let laws = self.fleet.laws.iter().zip(&mut verdicts);
            laws.filter(|(_, verdict)| verdict.left_out.is_none()).for_each(|(law, verdict)| law.apply(&case, verdict));
        }
        verdicts.push(conformance);
        verdicts.extend([
            laws::every_column_is_known(self.fleet, self.stores),
            laws::no_event_waits(&self.stores.outboxes),
            laws::no_dead_letter_is_unresolved(self.journal),
            laws::every_record_is_an_event(self.journal),
            laws::repetitions_are_equal(self.journal),
            laws::a_case_has_one_partition(self.journal),
        ]);
        Report::new(verdicts, shown, |id| self.history_of(id, &operations))
    }

    /// Everything that is known of a case, a line each: operations and events in the order of time, and then the rows.
    pub fn history(&self, id: i64) -> Vec<String> {
        self.history_of(id, &self.operations())
    }

    fn unchecked(&self, law: &Law) -> Verdict {
        if law.needs_client_history() && self.client_history.is_none() {
            return Verdict::left_out(law.name, "no client history: --client-history FILE".to_owned());
        }
        Verdict::new(law.name)
    }

    /// By case, in the order of the client history.
    fn operations(&self) -> BTreeMap<i64, Vec<&Operation>> {
        let mut operations: BTreeMap<i64, Vec<&Operation>> = BTreeMap::new();
        for operation in self.client_history.unwrap_or_default() {
            operations.entry(operation.id).or_default().push(operation);
        }
        operations
    }

    /// Every case of which stores, topics or clients know.
    fn ids(&self, operations: &BTreeMap<i64, Vec<&Operation>>) -> BTreeSet<i64> {
        let published = self.journal.cases().map(|events| events[0].case);
        self.stores.ids().chain(published).chain(operations.keys().copied()).collect()
    }

    /// The events by the cases that their fields name, in the order of events. Invalid ones are reported elsewhere.
    fn references(&self) -> References {
        let mut references = References::new();
        if self.fleet.references.is_empty() {
            return references;
        }
        for event in self.journal.events().iter().filter(|event| !event.repeated) {
            let Ok(event) = self.decode(event) else { continue };
            for field in self.fleet.references {
                if let Some(id) = event.fields.i64(field) {
                    references.entry((*field, id)).or_default().push(event.clone());
                }
            }
        }
        references
    }

    fn case<'s>(
        &'s self,
        id: i64,
        operations: &'s BTreeMap<i64, Vec<&'s Operation>>,
        references: &'s References,
    ) -> Case<'s> {
        let operations = operations.get(&id).map_or(&[][..], Vec::as_slice);
        let mut case =
            Case { id, stores: self.stores, events: Vec::new(), references, invalid: Vec::new(), operations };
        for event in self.journal.firsts(id) {
            match self.decode(event) {
                Ok(event) => case.events.push(event),
                Err(reason) => case.invalid.push(format!("{event} violates its contract: {reason}")),
            }
        }
        case
    }

    fn decode(&self, event: &Event) -> Result<CaseEvent, String> {
        let contract = self.fleet.context(&event.context).and_then(|context| context.contract);
        let fields = contract.map(|decode| decode(event)).transpose()?.flatten();
        let fields = fields.ok_or_else(|| format!("{} publishes no event of this type", event.context))?;
        let (context, kind) = (event.context.clone(), event.kind.clone());
        Ok(CaseEvent { context, kind, at: event.time.as_micros(), fields })
    }

    fn history_of(&self, id: i64, operations: &BTreeMap<i64, Vec<&Operation>>) -> Vec<String> {
        let events = self.journal.history(id).iter().map(|event| (Some(event.time), event.to_string()));
        let operations = operations.get(&id).into_iter().flatten();
        let operations = operations.map(|operation| (operation.at, operation.to_string()));
        let mut lines: Vec<(Option<Timestamp>, String)> = operations.chain(events).collect();
        // Operations without a time come first.
        lines.sort_by_key(|(at, _)| *at);
        let lines = lines.into_iter().map(|(at, line)| match at {
            Some(at) => format!("{at} {line}"),
            None => line,
        });
        lines.chain(self.rows(id)).collect()
    }

    fn rows(&self, id: i64) -> Vec<String> {
        let mut lines = Vec::new();
        for table in self.fleet.tables() {
            let rows = self.stores.rows(table, id);
            lines.extend(rows.iter().map(|row| format!("{}, {}: {row}", table.context, table.name)));
            if rows.is_empty() {
                lines.push(format!("{}, {}: no row", table.context, table.name));
            }
        }
        for (context, waiting) in &self.stores.outboxes {
            let waiting = waiting.iter().filter(|waiting| waiting.case == id);
            lines.extend(waiting.map(|event| format!("{context}, outbox: {} (event {})", event.kind, event.event_id)));
        }
        lines
    }
}
