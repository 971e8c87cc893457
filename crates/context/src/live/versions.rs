use std::fmt;
use std::str::FromStr;

use crate::UnknownPosition;

/// The maximum number of parts.
pub(crate) const MAX_PARTS: usize = 16;

/// The version of a row whose parts change independently: a version vector. It is the id of a message in the live stream of
/// the row.
///
/// Each part is a number that never decreases, such as a version, a count, or the number of the steps that are known. A
/// version is later than another one if it has greater parts and no lesser ones. Of two versions neither may be later: the
/// row is being rebuilt, and is not yet what it was.
///
/// The text has the parts, separated by dots, such as `3.0.71`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionVector(Vec<i64>);

impl VersionVector {
    /// With these parts, of which 16 at most are kept. A later version of a service may only append parts.
    pub fn new(parts: impl IntoIterator<Item = i64>) -> Self {
        Self(parts.into_iter().take(MAX_PARTS).collect())
    }

    /// Whether it is later than `other`. A part that the other one does not have is 0 there; the other one's further parts
    /// do not count, as they are of a later version of the service. All versions are later than one without parts.
    pub fn is_later_than(&self, other: &Self) -> bool {
        let others = || other.0.iter().copied().chain(std::iter::repeat(0));
        let is_none_less = self.0.iter().zip(others()).all(|(own, other)| *own >= other);
        other.0.is_empty() || is_none_less && self.0.iter().zip(others()).any(|(own, other)| *own > other)
    }
}

impl fmt::Display for VersionVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(i64::to_string).collect();
        f.write_str(&parts.join("."))
    }
}

impl FromStr for VersionVector {
    type Err = UnknownPosition;

    fn from_str(text: &str) -> Result<Self, UnknownPosition> {
        let is_of_digits = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
        let parts = text.split('.').map(|part| Some(part).filter(is_of_digits)?.parse().ok());
        let parts: Option<Vec<i64>> = parts.collect();
        parts.filter(|parts| parts.len() <= MAX_PARTS).map(Self).ok_or(UnknownPosition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> VersionVector {
        text.parse().unwrap()
    }

    #[test]
    fn a_version_is_later_if_a_part_has_grown_and_none_is_less() {
        for (later, earlier) in [("1.0", "0.0"), ("2.1", "1.1"), ("0.1.1", "0.1"), ("2.0", "1.0.7")] {
            assert!(version(later).is_later_than(&version(earlier)), "{later}, {earlier}");
            assert!(!version(earlier).is_later_than(&version(later)), "{earlier}, {later}");
        }
        for (one, other) in [("1.0", "0.1"), ("1.1", "1.1"), ("1.1.0", "1.1")] {
            assert!(!version(one).is_later_than(&version(other)), "{one}, {other}");
            assert!(!version(other).is_later_than(&version(one)), "{other}, {one}");
        }
        assert!(version("0.0").is_later_than(&VersionVector::default()), "a stream begins with the row as it is");
    }

    #[test]
    fn a_version_reads_back_and_any_other_text_is_rejected() {
        for text in ["0", "3.0.71", "9223372036854775807.1"] {
            assert_eq!(version(text).to_string(), text);
        }
        assert_eq!(version("1.2.3"), VersionVector::new([1, 2, 3]));
        let many = ["1"; MAX_PARTS + 1].join(".");
        for text in ["", ".", "1.", "-1", "+1.2", "1,2", "1.x", "9223372036854775808", "1.２", &many] {
            assert_eq!(text.parse::<VersionVector>(), Err(UnknownPosition), "{text}");
        }
    }
}
