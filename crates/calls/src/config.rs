//! Limits of calls.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use clap::Args;

use crate::breaker::Rules;

/// The limits of the calls to one callee.
// The group has a name of its own: several crates have a `Config`, and one command flattens them all.
#[derive(Args, Debug, Clone, PartialEq)]
#[group(id = "calls")]
#[command(next_help_heading = "Calls to other services")]
pub struct Config {
    /// Time limit of a call: connecting, sending, and reading the whole response.
    #[arg(long, env = "CALL_TIME_LIMIT", default_value = "680ms", value_parser = humantime::parse_duration)]
    pub call_time_limit: Duration,

    /// Maximum number of calls in flight; more are rejected.
    #[arg(long, env = "CALL_MAX_IN_FLIGHT", default_value_t = 256)]
    pub call_max_in_flight: usize,

    /// Maximum size of a response body in bytes.
    #[arg(long, env = "CALL_ANSWER_LIMIT", default_value_t = 65_536)]
    pub call_answer_limit: usize,

    /// How long an idle connection is kept. It must be shorter than at the callee: calls on a connection that the
    /// callee has just closed fail.
    #[arg(long, env = "CALL_IDLE_CONNECTION", default_value = "5s", value_parser = humantime::parse_duration)]
    pub call_idle_connection: Duration,

    /// Number of outcomes in the window of the breaker.
    #[arg(long, env = "BREAKER_WINDOW", default_value_t = 100)]
    pub breaker_window: u32,

    /// Minimum number of outcomes before the breaker may open.
    #[arg(long, env = "BREAKER_MIN_CALLS", default_value_t = 20)]
    pub breaker_min_calls: u32,

    /// Share of failed calls at which the breaker opens.
    #[arg(long, env = "BREAKER_FAILURE_RATE", default_value_t = 0.5)]
    pub breaker_failure_rate: f64,

    /// A call that takes longer than this is slow.
    #[arg(long, env = "BREAKER_SLOW_CALL", default_value = "600ms", value_parser = humantime::parse_duration)]
    pub breaker_slow_call: Duration,

    /// Share of slow calls at which the breaker opens.
    #[arg(long, env = "BREAKER_SLOW_RATE", default_value_t = 0.8)]
    pub breaker_slow_rate: f64,

    /// How long the breaker stays open before it allows probes.
    #[arg(long, env = "BREAKER_OPEN_FOR", default_value = "2s", value_parser = humantime::parse_duration)]
    pub breaker_open_for: Duration,

    /// Number of probes that must succeed before the breaker closes.
    #[arg(long, env = "BREAKER_PROBES", default_value_t = 3)]
    pub breaker_probes: u32,
}

/// A setting is invalid.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A number or a duration is out of bounds.
    #[error("{name} is {value}, but must be {bounds}")]
    OutOfBounds {
        /// The environment variable.
        name: &'static str,
        /// The value.
        value: String,
        /// The allowed values.
        bounds: String,
    },
    /// The window could never hold the minimum number of outcomes.
    #[error("BREAKER_MIN_CALLS is {min_calls}, but must be at most BREAKER_WINDOW, which is {window}")]
    MinCallsAboveWindow {
        /// `BREAKER_MIN_CALLS`
        min_calls: u32,
        /// `BREAKER_WINDOW`
        window: u32,
    },
    /// The address of the callee is invalid.
    #[error("{url:?} is not the address of a service: {reason}")]
    BaseUrl {
        /// The address.
        url: String,
        /// The reason.
        reason: String,
    },
    /// The HTTP client cannot be created.
    #[error("the HTTP client could not be made")]
    Http(#[source] reqwest::Error),
}

const COUNT: RangeInclusive<u32> = 1..=100_000;
const DURATION: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_hours(1);

impl Config {
    /// Validates the settings.
    pub fn check(&self) -> Result<(), ConfigError> {
        check_duration("CALL_TIME_LIMIT", self.call_time_limit)?;
        check_range("CALL_MAX_IN_FLIGHT", self.call_max_in_flight, &(1..=100_000))?;
        check_range("CALL_ANSWER_LIMIT", self.call_answer_limit, &(1..=64 * 1024 * 1024))?;
        check_duration("CALL_IDLE_CONNECTION", self.call_idle_connection)?;
        check_range("BREAKER_WINDOW", self.breaker_window, &COUNT)?;
        check_range("BREAKER_MIN_CALLS", self.breaker_min_calls, &COUNT)?;
        check_rate("BREAKER_FAILURE_RATE", self.breaker_failure_rate)?;
        check_duration("BREAKER_SLOW_CALL", self.breaker_slow_call)?;
        check_rate("BREAKER_SLOW_RATE", self.breaker_slow_rate)?;
        check_duration("BREAKER_OPEN_FOR", self.breaker_open_for)?;
        check_range("BREAKER_PROBES", self.breaker_probes, &COUNT)?;
        self.check_min_calls()
    }

    pub(crate) fn rules(&self) -> Rules {
        Rules {
            window: self.breaker_window,
            min_calls: self.breaker_min_calls,
            failure_rate: self.breaker_failure_rate,
            slow_call: self.breaker_slow_call,
            slow_rate: self.breaker_slow_rate,
            open_for: self.breaker_open_for,
            probes: self.breaker_probes,
        }
    }

    fn check_min_calls(&self) -> Result<(), ConfigError> {
        let (min_calls, window) = (self.breaker_min_calls, self.breaker_window);
        if min_calls > window { Err(ConfigError::MinCallsAboveWindow { min_calls, window }) } else { Ok(()) }
    }
}

/// The defaults of the command line.
impl Default for Config {
    fn default() -> Self {
        Config {
            call_time_limit: Duration::from_millis(680),
            call_max_in_flight: 256,
            call_answer_limit: 65_536,
            call_idle_connection: Duration::from_secs(5),
            breaker_window: 100,
            breaker_min_calls: 20,
            breaker_failure_rate: 0.5,
            breaker_slow_call: Duration::from_millis(600),
            breaker_slow_rate: 0.8,
            breaker_open_for: Duration::from_secs(2),
            breaker_probes: 3,
        }
    }
}

fn check_range<T: Copy + Display + PartialOrd>(
    name: &'static str,
    value: T,
    range: &RangeInclusive<T>,
) -> Result<(), ConfigError> {
    let bounds = || format!("from {} to {}", range.start(), range.end());
    check(range.contains(&value), name, &value, bounds)
}

fn check_duration(name: &'static str, value: Duration) -> Result<(), ConfigError> {
    let [value_text, start, end] = [value, *DURATION.start(), *DURATION.end()].map(humantime::format_duration);
    check(DURATION.contains(&value), name, &value_text, || format!("from {start} to {end}"))
}

/// A rate of 0 is rejected: a window of successful calls reaches it, and the breaker would never close.
fn check_rate(name: &'static str, value: f64) -> Result<(), ConfigError> {
    check(value > 0.0 && value <= 1.0, name, &value, || "more than 0 and at most 1".to_owned())
}

fn check(
    good: bool,
    name: &'static str,
    value: &dyn Display,
    bounds: impl FnOnce() -> String,
) -> Result<(), ConfigError> {
    if good { Ok(()) } else { Err(ConfigError::OutOfBounds { name, value: value.to_string(), bounds: bounds() }) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        calls: Config,
    }

    #[test]
    fn the_defaults_of_the_command_line_are_those_of_the_code_and_are_sound() {
        let parsed = Command::try_parse_from(["command"]).expect("no setting is required").calls;
        assert_eq!(parsed, Config::default());
        parsed.check().expect("the defaults are sound");
    }

    #[test]
    fn a_setting_out_of_bounds_is_named_with_its_bounds() {
        let cases: [(&[&str], &str); 10] = [
            (&["--call-time-limit", "0s"], "CALL_TIME_LIMIT is 0s, but must be from 1ms to 1h"),
            (&["--call-max-in-flight", "0"], "CALL_MAX_IN_FLIGHT is 0, but must be from 1 to 100000"),
            (&["--call-answer-limit", "67108865"], "CALL_ANSWER_LIMIT is 67108865, but must be from 1 to 67108864"),
            (&["--breaker-window", "0"], "BREAKER_WINDOW is 0, but must be from 1 to 100000"),
            (&["--breaker-failure-rate", "0"], "BREAKER_FAILURE_RATE is 0, but must be more than 0 and at most 1"),
            (&["--breaker-slow-rate", "1.5"], "BREAKER_SLOW_RATE is 1.5, but must be more than 0 and at most 1"),
            (&["--breaker-slow-rate", "NaN"], "BREAKER_SLOW_RATE is NaN, but must be more than 0 and at most 1"),
            (&["--breaker-probes", "0"], "BREAKER_PROBES is 0, but must be from 1 to 100000"),
            (&["--breaker-open-for", "2h"], "BREAKER_OPEN_FOR is 2h, but must be from 1ms to 1h"),
            (&["--breaker-window", "10"], "BREAKER_MIN_CALLS is 20, but must be at most BREAKER_WINDOW, which is 10"),
        ];
        for (arguments, message) in cases {
            let command = Command::try_parse_from([&["command"], arguments].concat()).expect("parses");
            let error = command.calls.check().expect_err(message);
            assert_eq!(error.to_string(), message);
        }
    }
}
