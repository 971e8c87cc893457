use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use ambient::Timestamp;
use audit::{Journal, Report, SHOWN, Verdict};
use match_contract::Step;

use crate::laws::{LAWS, Law};
use crate::said::{Said, context};
use crate::{CaseRow, MatchRow, PageRow, PaymentRow, RefundDue, Stores, Told};

/// Holds a fleet at rest against all laws. `told` is what clients were told, as far as anybody knows; without it the laws
/// about it are left out.
pub fn judge(stores: &Stores, journal: &Journal, told: Option<&[Told]>) -> Report {
    let picture = Picture::of(stores, journal, told);
    let mut verdicts: Vec<Verdict> = LAWS.iter().map(|law| law.verdict(told.is_some())).collect();
    for id in picture.ids() {
        let case = picture.case(id);
        for (law, verdict) in LAWS.iter().zip(&mut verdicts).filter(|(_, verdict)| verdict.left_out.is_none()) {
            law.hold(&case, verdict);
        }
    }
    verdicts.extend([
        audit::laws::nothing_waits(&stores.outboxes),
        audit::laws::no_letter_is_open(journal),
        audit::laws::all_is_readable(journal),
        audit::laws::repeats_are_the_same(journal),
        audit::laws::a_case_has_one_partition(journal),
    ]);
    Report::new(verdicts, SHOWN, |id| picture.history(id))
}

/// All that is known of a match, a line each: what clients were told and what the topics have, in the order of time, and
/// then what the stores keep.
pub fn history(stores: &Stores, journal: &Journal, told: Option<&[Told]>, id: i64) -> Vec<String> {
    Picture::of(stores, journal, told).history(id)
}

impl Law {
    fn verdict(&self, told: bool) -> Verdict {
        if self.needs_told && !told {
            return Verdict::left_out(self.name, "nobody wrote down what clients were told".to_owned());
        }
        Verdict::new(self.name)
    }

    fn hold(&self, case: &Case<'_>, verdict: &mut Verdict) {
        let mut wrong = Vec::new();
        verdict.looked_at += usize::from((self.check)(case, &mut wrong));
        for what in wrong {
            verdict.violated(case.id, what);
        }
    }
}

/// All that is known of all matches.
struct Picture<'a> {
    stores: &'a Stores,
    journal: &'a Journal,
    /// By match, in the order in which they were told.
    told: BTreeMap<i64, Vec<&'a Told>>,
    refunds: BTreeMap<i64, Vec<&'a RefundDue>>,
}

/// All that is known of one match.
pub(crate) struct Case<'a> {
    pub(crate) id: i64,
    pub(crate) row: Option<&'a MatchRow>,
    pub(crate) payment: Option<&'a PaymentRow>,
    pub(crate) refunds: &'a [&'a RefundDue],
    pub(crate) visit: Option<&'a CaseRow>,
    pub(crate) page: Option<&'a PageRow>,
    /// What was said, without repeats, context by context in the order of the topics.
    pub(crate) said: Vec<Said>,
    /// What is wrong with events that cannot be read.
    pub(crate) unreadable: Vec<String>,
    pub(crate) told: &'a [&'a Told],
}

impl<'a> Picture<'a> {
    fn of(stores: &'a Stores, journal: &'a Journal, told: Option<&'a [Told]>) -> Self {
        let mut picture = Self { stores, journal, told: BTreeMap::new(), refunds: BTreeMap::new() };
        for told in told.unwrap_or_default() {
            picture.told.entry(told.id).or_default().push(told);
        }
        for due in &stores.refunds_due {
            picture.refunds.entry(due.match_id).or_default().push(due);
        }
        picture
    }

    /// Every match that anybody knows anything of.
    fn ids(&self) -> BTreeSet<i64> {
        let stores = self.stores;
        let mut ids: BTreeSet<i64> = stores.matches.keys().chain(stores.payments.keys()).copied().collect();
        ids.extend(stores.cases.keys().chain(stores.pages.keys()));
        ids.extend(self.told.keys().chain(self.refunds.keys()));
        ids.extend(self.journal.cases().map(|events| events[0].case));
        ids
    }

    fn case(&self, id: i64) -> Case<'_> {
        let mut case = Case {
            id,
            row: self.stores.matches.get(&id),
            payment: self.stores.payments.get(&id),
            refunds: self.refunds.get(&id).map_or(&[], Vec::as_slice),
            visit: self.stores.cases.get(&id),
            page: self.stores.pages.get(&id),
            said: Vec::new(),
            unreadable: Vec::new(),
            told: self.told.get(&id).map_or(&[], Vec::as_slice),
        };
        for event in self.journal.firsts(id) {
            match Said::read(event) {
                Ok(said) => case.said.push(said),
                Err(why) => case.unreadable.push(why),
            }
        }
        case
    }

    fn history(&self, id: i64) -> Vec<String> {
        let events = self.journal.history(id).iter().map(|event| (Some(event.time), event.to_string()));
        let told = self.told.get(&id).into_iter().flatten().map(|told| (told.at, told.to_string()));
        let mut lines: Vec<(Option<Timestamp>, String)> = told.chain(events).collect();
        // What has no time comes first: it was told by somebody who has no clock, about the whole history.
        lines.sort_by_key(|(at, _)| *at);
        let lines = lines.into_iter().map(|(at, line)| match at {
            Some(at) => format!("{at} {line}"),
            None => line,
        });
        lines.chain(self.rows(id)).collect()
    }

    /// What the stores keep of a match.
    fn rows(&self, id: i64) -> Vec<String> {
        let stores = self.stores;
        let mut rows = vec![
            row("match", stores.matches.get(&id)),
            row("payment", stores.payments.get(&id)),
            row("visit", stores.cases.get(&id)),
            row("mypage", stores.pages.get(&id)),
        ];
        rows.extend(self.refunds.get(&id).into_iter().flatten().map(|due| row("payment", Some(due))));
        for (context, waiting) in &stores.outboxes {
            let waiting = waiting.iter().filter(|waiting| waiting.case == id);
            rows.extend(waiting.map(|waiting| format!("{context} has in its outbox {waiting:?}")));
        }
        rows
    }
}

fn row(context: &str, row: Option<&impl Debug>) -> String {
    row.map_or_else(|| format!("{context} keeps nothing"), |row| format!("{context} keeps {row:?}"))
}

impl<'a> Case<'a> {
    /// The match, if it is established.
    pub(crate) fn established(&self) -> Option<&'a MatchRow> {
        self.row.filter(|row| row.is_established())
    }

    /// The match, if it is established and not cancelled.
    pub(crate) fn standing(&self) -> Option<&'a MatchRow> {
        self.established().filter(|row| !row.is_canceled())
    }

    /// The payment, if it is approved.
    pub(crate) fn approved(&self) -> Option<&'a PaymentRow> {
        self.payment.filter(|payment| payment.is_approved())
    }

    /// What a context has said, in the order of its topic.
    pub(crate) fn said_by(&self, name: &str) -> impl Iterator<Item = &Said> {
        self.said.iter().filter(move |said| context(said.fact.step) == name)
    }

    /// That a step has happened, each time that it was said.
    pub(crate) fn each(&self, step: Step) -> impl Iterator<Item = &Said> {
        self.said.iter().filter(move |said| said.fact.step == step)
    }
}
