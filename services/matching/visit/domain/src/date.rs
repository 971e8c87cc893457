use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A day. It is parsed from four forms, and formatted in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct VisitDate(jiff::civil::Date);

/// The text is no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a date such as 2021-01-21, 21/01/21, 210121 or 20210121 (year, month, day)")]
pub struct WrongDate;

impl FromStr for VisitDate {
    type Err = WrongDate;

    /// Year, month and day, in this order: `2021-01-21`, `21/01/21`, `210121` or `20210121`. Two digits are a year after 2000.
    fn from_str(text: &str) -> Result<Self, WrongDate> {
        let digits = |separator, lengths: [usize; 3]| {
            let parts: Vec<&str> = text.split(separator).collect();
            let fits = parts.len() == 3 && parts.iter().zip(lengths).all(|(part, length)| part.len() == length);
            fits.then(|| parts.concat())
        };
        let digits = match text.len() {
            10 => digits('-', [4, 2, 2]),
            8 if text.contains('/') => digits('/', [2, 2, 2]),
            6 | 8 => Some(text.to_owned()),
            _ => None,
        };
        digits.as_deref().and_then(read).map(Self).ok_or(WrongDate)
    }
}

/// Six or eight digits.
fn read(digits: &str) -> Option<jiff::civil::Date> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, day) = digits.split_at(digits.len() - 4);
    let century = if year.len() == 2 { 2000 } else { 0 };
    let year = century + year.parse::<i16>().ok()?;
    jiff::civil::Date::new(year, day[..2].parse().ok()?, day[2..].parse().ok()?).ok()
}

impl fmt::Display for VisitDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
