//! How durations, rates, shares and lists are written in the routes file.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use chassis::Share;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::config::rate::{Rate, RouteRate};

/// A longer duration is a mistake, and far longer ones overflow clocks.
const MAX_DURATION: Duration = Duration::from_hours(24 * 365);

/// A duration such as `680ms` or `10s`: more than zero, at most a year.
pub(super) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    match humantime::parse_duration(&text) {
        Ok(Duration::ZERO) => Err(D::Error::custom("must be longer than zero")),
        Ok(duration) if duration > MAX_DURATION => Err(D::Error::custom("must not be longer than a year")),
        Ok(duration) => Ok(duration),
        Err(error) => Err(D::Error::custom(format!("'{text}' is no time such as \"680ms\" or \"10s\": {error}"))),
    }
}

/// An optional key with a duration.
pub(super) fn optional_duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    duration(from).map(Some)
}

/// A rate such as `100/1s`, or `none`.
pub(super) fn rate<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Rate>, D::Error> {
    parse_rate(&String::deserialize(from)?).map_err(D::Error::custom)
}

/// The rate of one route, or `none`.
pub(super) fn route_rate<'de, D: Deserializer<'de>>(from: D) -> Result<RouteRate, D::Error> {
    rate(from).map(|rate| rate.map_or(RouteRate::Unlimited, RouteRate::Own))
}

/// Parses a rate, or `none`.
pub(super) fn parse_rate(text: &str) -> Result<Option<Rate>, String> {
    if text == "none" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|reason| format!("'{text}' {reason}; or it is \"none\""))
}

/// A share such as `25%`.
pub(super) fn share<'de, D: Deserializer<'de>>(from: D) -> Result<Share, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map_err(|reason| D::Error::custom(format!("'{text}' {reason}")))
}

/// An optional key with a share.
pub(super) fn optional_share<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Share>, D::Error> {
    share(from).map(Some)
}

/// A list of texts, each parsed as `T`.
pub(super) fn parse_list<'de, T, D>(from: D) -> Result<Vec<T>, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    let parse = |text: String| text.parse().map_err(|error| D::Error::custom(format!("'{text}': {error}")));
    Vec::<String>::deserialize(from)?.into_iter().map(parse).collect()
}
