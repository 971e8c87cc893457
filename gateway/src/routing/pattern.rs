//! Path patterns of routes.

use std::cmp::Reverse;
use std::fmt;

use thiserror::Error;

use crate::routing::path;

/// A path prefix, matched segment by segment; `*` stands for exactly one segment.
///
/// `/things` covers `/things` and `/things/5000/x`, but not `/thingsX`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Exactly(String),
    Any,
}

/// Why a text is not a pattern.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PatternError {
    /// No request can have this path.
    #[error("{0}")]
    Path(&'static str),
    /// The first segment is missing.
    #[error("must start with a name: a route for everything would open the services' internal paths")]
    Everything,
    /// A trailing slash or an escape.
    #[error("must have neither a slash at its end nor escapes")]
    NotPlain,
}

impl Pattern {
    /// Parses a pattern such as `/things` or `/things/*/events`.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        path::check(text).map_err(PatternError::Path)?;
        if text == "/" || text.starts_with("/*") {
            return Err(PatternError::Everything);
        }
        if text.ends_with('/') || text.contains('%') {
            return Err(PatternError::NotPlain);
        }
        let segments = text[1..].split('/').map(Segment::parse).collect();
        Ok(Self { text: text.to_owned(), segments })
    }

    /// Whether `path` equals this prefix or lies below it.
    pub fn covers(&self, path: &str) -> bool {
        let mut parts = path.strip_prefix('/').unwrap_or(path).split('/');
        self.segments.iter().all(|segment| parts.next().is_some_and(|part| segment.covers(part)))
    }

    /// Whether it has no `*`.
    pub fn is_plain(&self) -> bool {
        !self.segments.contains(&Segment::Any)
    }

    /// `path` with `to` in the place of this prefix, if it covers the path. Both are plain.
    pub fn rename(&self, to: &Self, path: &str) -> Option<String> {
        self.covers(path).then(|| format!("{to}{}", path.strip_prefix(&self.text).unwrap_or_default()))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Segment {
    fn parse(text: &str) -> Self {
        if text == "*" { Self::Any } else { Self::Exactly(text.to_owned()) }
    }

    fn covers(&self, part: &str) -> bool {
        match self {
            Self::Exactly(name) => name == part,
            Self::Any => !part.is_empty(),
        }
    }
}

/// Patterns and their targets. The longest pattern that covers a path wins; of two, the one with a name where the other one has
/// its first `*`.
#[derive(Debug)]
pub struct Table<T> {
    longest_first: Vec<(Pattern, T)>,
}

impl<T> Table<T> {
    /// A table of `entries` in any order; no two of them are equal.
    pub fn new(entries: impl IntoIterator<Item = (Pattern, T)>) -> Self {
        let mut longest_first: Vec<_> = entries.into_iter().collect();
        longest_first.sort_by_key(|(Pattern { segments, .. }, _)| {
            (Reverse(segments.len()), segments.iter().map(|part| *part == Segment::Any).collect::<Vec<_>>())
        });
        Self { longest_first }
    }

    /// The target of `path`.
    pub fn find(&self, path: &str) -> Option<&T> {
        self.longest_first.iter().find(|(pattern, _)| pattern.covers(path)).map(|(_, target)| target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn a_prefix_covers_whole_segments_only() {
        let things = pattern("/things");
        for path in ["/things", "/things/", "/things/5000", "/things/5000/x"] {
            assert!(things.covers(path), "{path}");
        }
        for path in ["/", "/thing", "/thingsX", "/things.json", "/Things", "/x/things"] {
            assert!(!things.covers(path), "{path}");
        }
    }

    #[test]
    fn a_prefix_is_renamed_and_the_rest_of_the_path_stays() {
        let (alias, things) = (pattern("/Things"), pattern("/things"));
        for (path, expected) in
            [("/Things", Some("/things")), ("/Things/5/Things", Some("/things/5/Things")), ("/ThingsX", None)]
        {
            assert_eq!(alias.rename(&things, path).as_deref(), expected, "{path}");
        }
        assert!(things.is_plain() && !pattern("/things/*/events").is_plain());
    }

    #[test]
    fn a_star_covers_one_segment_that_is_not_empty() {
        let events = pattern("/things/*/events");
        assert!(events.covers("/things/5000/events"));
        assert!(events.covers("/things/5000/events/1"));
        for path in ["/things/events", "/things/5000", "/things/5/6/events", "/things//events"] {
            assert!(!events.covers(path), "{path}");
        }
    }

    #[test]
    fn the_longest_prefix_wins_whatever_the_order() {
        let entries = [("/things", 1), ("/things/*/events", 3), ("/things/special", 2)];
        for shift in 0..entries.len() {
            let mut entries = entries;
            entries.rotate_left(shift);
            let table = Table::new(entries.map(|(text, target)| (pattern(text), target)));
            assert_eq!(table.find("/things/5000"), Some(&1));
            assert_eq!(table.find("/things/special/x"), Some(&2));
            assert_eq!(table.find("/things/special/events"), Some(&3));
            assert_eq!(table.find("/other"), None);
        }
    }

    #[test]
    fn of_two_patterns_of_one_length_the_one_with_the_earlier_name_wins() {
        let entries = [("/things/*", 1), ("/things/special", 2), ("/things/*/events", 3), ("/things/5/*", 4)];
        for shift in 0..entries.len() {
            let mut entries = entries;
            entries.rotate_left(shift);
            let table = Table::new(entries.map(|(text, target)| (pattern(text), target)));
            assert_eq!(table.find("/things/5"), Some(&1));
            assert_eq!(table.find("/things/special"), Some(&2));
            assert_eq!(table.find("/things/special/x"), Some(&2));
            assert_eq!(table.find("/things/special/events"), Some(&3));
            assert_eq!(table.find("/things/5/events"), Some(&4));
        }
    }

    #[test]
    fn an_invalid_pattern_is_rejected() {
        for text in ["", "things", "/", "/*", "/*/x", "/things/", "/a//b", "/a/../b", "/a%20b"] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }
}
