//! Readers of the formats that only this fleet has, for hostile input: see the crate `hostile`.

use hostile::{Reader, events};
use match_contract::MatchEvent;
use payment_contract::PaymentEvent;
use visit_contract::VisitEvent;
use visit_domain::VisitDate;

/// The readers, by the name of their folder in `corpus`.
pub const READERS: [Reader; 2] = [("dates", visit_dates), ("events", context_events)];

/// The day of a visit: an accepted text is written as the same day, in one form.
///
/// # Panics
///
/// If it is not.
pub fn visit_dates(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(date) = text.parse::<VisitDate>() else { return };
    let written = date.to_string();
    assert_eq!(written.parse(), Ok(date), "{written}");
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let (given, meant) = (digits(text), digits(&written));
    assert_eq!(meant.len(), 8, "{written}");
    assert!(meant == given || meant == format!("20{given}"), "{text} became {written}");
}

/// A record as an event of each context.
///
/// # Panics
///
/// If an accepted event is not encoded again as the same event.
pub fn context_events(bytes: &[u8]) {
    events::<MatchEvent>(bytes);
    events::<PaymentEvent>(bytes);
    events::<VisitEvent>(bytes);
}
