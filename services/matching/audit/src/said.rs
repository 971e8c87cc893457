use std::fmt;

use audit::Event;
use events::EventSet as _;
use match_contract::{MatchCanceled, MatchEvent, MatchRequested, Step};
use payment_contract::{PaymentApproved, PaymentCanceled, PaymentEvent};
use serde_json::from_str;
use visit_contract::{VisitAssigned, VisitCanceled, VisitEvent};

/// An event of a match, as far as the laws look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) fact: Fact,
    /// When it happened, in microseconds since 1970.
    pub(crate) at: i64,
}

/// What an event says. In the order of a match's steps, attempt by attempt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fact {
    pub(crate) attempt: i64,
    /// Which step has happened: there is an event for each.
    pub(crate) step: Step,
    pub(crate) price: Option<i64>,
    /// The tutor's name and the day.
    pub(crate) visit: Option<(String, String)>,
    /// Who has asked.
    pub(crate) student: Option<String>,
}

/// The context that says that this has happened.
pub(crate) const fn context(step: Step) -> &'static str {
    match step {
        Step::MatchRequested | Step::MatchCanceled => MatchEvent::CONTEXT,
        Step::PaymentApproved | Step::PaymentCanceled => PaymentEvent::CONTEXT,
        Step::VisitAssigned | Step::VisitCanceled => VisitEvent::CONTEXT,
    }
}

impl Fact {
    pub(crate) const fn new(attempt: i64, step: Step) -> Self {
        Self { attempt, step, price: None, visit: None, student: None }
    }

    pub(crate) fn priced(attempt: i64, step: Step, price: i64) -> Self {
        Self { price: Some(price), ..Self::new(attempt, step) }
    }

    pub(crate) fn requested(attempt: i64, price: i64, student: Option<String>) -> Self {
        Self { student, ..Self::priced(attempt, Step::MatchRequested, price) }
    }

    pub(crate) fn assigned(attempt: i64, teacher: String, date: String) -> Self {
        Self { visit: Some((teacher, date)), ..Self::new(attempt, Step::VisitAssigned) }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of attempt {}", self.step.name(), self.attempt)?;
        if let Some(price) = self.price {
            write!(f, ", {price}")?;
        }
        if let Some(student) = &self.student {
            write!(f, ", by {student}")?;
        }
        match &self.visit {
            Some((teacher, date)) => write!(f, ", {teacher} on {date}"),
            None => Ok(()),
        }
    }
}

impl Said {
    /// Reads an event.
    ///
    /// # Errors
    ///
    /// What is wrong with it, if it is none that its context says about its match.
    pub(crate) fn read(event: &Event) -> Result<Self, String> {
        let (id, fact) = fact(&event.kind, &event.data).map_err(|why| format!("{event} cannot be read: {why}"))?;
        if id != event.case {
            return Err(format!("{event} is about another match than its subject says"));
        }
        if *event.context != *context(fact.step) {
            return Err(format!("{event} is not said by {}", event.context));
        }
        Ok(Self { fact, at: event.time.as_micros() })
    }
}

/// The match that an event is about, and what it says of it.
fn fact(kind: &str, data: &str) -> Result<(i64, Fact), String> {
    let read = || -> Result<Option<(i64, Fact)>, serde_json::Error> {
        Ok(Some(match kind {
            "MatchRequested" => {
                let said: MatchRequested = from_str(data)?;
                (said.id, Fact::requested(said.attempt, said.price, said.student))
            }
            "MatchCanceled" => {
                let said: MatchCanceled = from_str(data)?;
                (said.id, Fact::new(said.attempt, Step::MatchCanceled))
            }
            "PaymentApproved" => {
                let said: PaymentApproved = from_str(data)?;
                (said.match_id, Fact::priced(said.attempt, Step::PaymentApproved, said.price))
            }
            "PaymentCanceled" => {
                let said: PaymentCanceled = from_str(data)?;
                (said.match_id, Fact::priced(said.attempt, Step::PaymentCanceled, said.price))
            }
            "VisitAssigned" => {
                let said: VisitAssigned = from_str(data)?;
                (said.match_id, Fact::assigned(said.attempt, said.teacher, said.visit_date))
            }
            "VisitCanceled" => {
                let said: VisitCanceled = from_str(data)?;
                (said.match_id, Fact::new(said.attempt, Step::VisitCanceled))
            }
            _ => return Ok(None),
        }))
    };
    read().map_err(|error| error.to_string())?.ok_or_else(|| "no context says such events".to_owned())
}
