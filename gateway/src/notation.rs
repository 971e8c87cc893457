//! How times, rates and lists are written in the routes file.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::config::RouteRate;
use crate::rate::Rate;

/// Longer is a slip of the pen, and far longer is more than clocks can count.
const LONGEST: Duration = Duration::from_hours(24 * 365);

/// A time such as `680ms` or `10s`: longer than none, at most a year.
pub fn span<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    match humantime::parse_duration(&text) {
        Ok(Duration::ZERO) => Err(serde::de::Error::custom("must be longer than zero")),
        Ok(span) if span > LONGEST => Err(serde::de::Error::custom("must not be longer than a year")),
        Ok(span) => Ok(span),
        Err(error) => {
            Err(serde::de::Error::custom(format!("'{text}' is no time such as \"680ms\" or \"10s\": {error}")))
        }
    }
}

/// A rate such as `100/1s`, or `none`.
pub fn rate<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Rate>, D::Error> {
    rate_or_none(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

/// A rate of a route's own, or none at all.
pub fn route_rate<'de, D: Deserializer<'de>>(from: D) -> Result<RouteRate, D::Error> {
    rate(from).map(|rate| rate.map_or(RouteRate::Unlimited, RouteRate::Own))
}

/// The same, as a text by itself.
pub fn rate_or_none(text: &str) -> Result<Option<Rate>, String> {
    if text == "none" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|reason| format!("'{text}' {reason}; or it is \"none\""))
}

/// A time that may be left out.
pub fn some_span<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    span(from).map(Some)
}

/// A list of texts, each in the form of `T`.
pub fn parsed<'de, T, D>(from: D) -> Result<Vec<T>, D::Error>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
    D: Deserializer<'de>,
{
    let one = |text: String| text.parse().map_err(|error| serde::de::Error::custom(format!("'{text}': {error}")));
    Vec::<String>::deserialize(from)?.into_iter().map(one).collect()
}
