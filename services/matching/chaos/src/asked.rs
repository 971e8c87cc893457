//! What clients ask for, and which answers to it are documented.

use std::fmt;

use testkit::Answer;

/// What a client asks for, and what it knows already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// A match that nobody was told of yet.
    Request,
    /// The same again, after it was told to be established.
    Again,
    /// The same id with another price, after it was told to be established.
    OtherPrice,
    /// A tutor takes a request that was in the list.
    Assign,
    /// A tutor takes a visit just as its student cancels.
    AssignUnlisted,
    /// The student cancels a match that was told to be established.
    Cancel,
    /// A match, or its payment, that was told to be established.
    Own,
    /// A view of a match, which may not have heard of it yet.
    View,
    /// The page of a match, live.
    Live,
    /// A list.
    List,
}

/// The gateway's, for any request: 502 the service gave no answer, 503 not now, 504 it took too long. A service that has
/// lost its store says 503 too.
const OUTAGES: [u16; 3] = [502, 503, 504];

impl Asked {
    /// What is documented, beside outages.
    const fn answers(self) -> &'static [u16] {
        match self {
            Self::Request => &[200, 201, 402],
            Self::Again | Self::Cancel | Self::Own | Self::List => &[200],
            Self::OtherPrice => &[409],
            Self::Assign => &[201, 409],
            Self::AssignUnlisted => &[201, 404, 409],
            Self::View | Self::Live => &[200, 404],
        }
    }

    /// Why an answer is none of the documented ones, if it is none.
    pub fn fault_of(self, answer: &Answer) -> Option<String> {
        let Answer { asked, status, body, .. } = answer;
        if !self.answers().contains(status) && !OUTAGES.contains(status) {
            return Some(format!("{asked} ({self}) answered {status}: {body}"));
        }
        let lacks = |header: &str| answer.header(header).is_none();
        if *status == 201 && lacks("location") {
            return Some(format!("{asked} ({self}) answered 201 without Location"));
        }
        if *status == 503 && lacks("retry-after") {
            return Some(format!("{asked} ({self}) answered 503 without Retry-After"));
        }
        let kind = answer.header("content-type").unwrap_or_default();
        let expected = match (status, self) {
            (400.., _) => "application/problem+json",
            (_, Self::Live) => "text/event-stream",
            _ => "application/json",
        };
        (kind != expected).then(|| format!("{asked} ({self}) answered {status} as {kind:?}: {body}"))
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Request => "request",
            Self::Again => "the same again",
            Self::OtherPrice => "other price",
            Self::Assign => "assign",
            Self::AssignUnlisted => "assign unlisted",
            Self::Cancel => "cancel",
            Self::Own => "read own",
            Self::View => "read view",
            Self::Live => "watch live",
            Self::List => "read list",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::HeaderMap;
    use serde_json::Value;

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)]) -> Answer {
        let kind = if status >= 400 { "application/problem+json" } else { "application/json" };
        let mut answer = Answer {
            asked: "POST /matches".to_owned(),
            status,
            headers: HeaderMap::default(),
            body: Value::Null,
            took: Duration::ZERO,
        };
        for (name, value) in [("content-type", kind)].iter().chain(headers) {
            answer.headers.insert(*name, value.parse().unwrap());
        }
        answer
    }

    #[test]
    fn only_documented_answers_are_no_fault() {
        let location = [("location", "/matches/1")];
        assert_eq!(Asked::Request.fault_of(&answer(201, &location)), None);
        assert_eq!(Asked::Request.fault_of(&answer(402, &[])), None);
        assert_eq!(Asked::Request.fault_of(&answer(502, &[])), None);
        assert_eq!(Asked::View.fault_of(&answer(404, &[])), None);
        for (asked, status) in [
            (Asked::Request, 500),
            (Asked::Request, 409),
            (Asked::Request, 422),
            (Asked::Again, 201),
            (Asked::OtherPrice, 200),
            (Asked::Own, 404),
            (Asked::Cancel, 404),
            (Asked::Assign, 404),
        ] {
            assert!(asked.fault_of(&answer(status, &location)).is_some(), "{asked}: {status}");
        }
    }

    #[test]
    fn headers_belong_to_what_is_documented() {
        assert!(Asked::Request.fault_of(&answer(201, &[])).unwrap().contains("Location"));
        assert!(Asked::List.fault_of(&answer(503, &[])).unwrap().contains("Retry-After"));
        assert_eq!(Asked::List.fault_of(&answer(503, &[("retry-after", "1")])), None);
        assert!(Asked::List.fault_of(&answer(200, &[("content-type", "text/plain")])).unwrap().contains("text/plain"));
    }
}
