use serde::Deserialize;

use crate::process_fault::ProcessFault;

/// The behaviour of the simulated provider.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Profile {
    /// The minimum duration of a charge, in milliseconds.
    pub delay_ms: u32,
    /// The maximum of a random addition to it, in milliseconds.
    pub jitter_ms: u32,
    /// The share of charges that are declined, from 0 to 1.
    pub decline_rate: f64,
    /// The share of charges that fail, from 0 to 1.
    pub failure_rate: f64,
    /// A fault of the processes that run when this is written, not of those that start later.
    pub fault: Option<ProcessFault>,
}

impl Profile {
    /// Parses and checks a profile.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let profile: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let rates = [("declineRate", profile.decline_rate), ("failureRate", profile.failure_rate)];
        match rates.into_iter().find(|(_, rate)| !(0.0..=1.0).contains(rate)) {
            Some((name, rate)) => Err(format!("{name} is {rate}, not from 0 to 1")),
            None => Ok(profile),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process_fault::Kind;

    #[test]
    fn settings_are_read_and_wrong_ones_are_refused_by_name() {
        let profile = Profile::parse(r#"{"delayMs": 400, "declineRate": 0.5}"#).unwrap();
        assert_eq!(profile, Profile { delay_ms: 400, decline_rate: 0.5, ..Profile::default() });
        let fault = Profile::parse(r#"{"fault": {"kind": "outOfMemory", "number": 2}}"#).unwrap().fault;
        assert_eq!(fault, Some(ProcessFault { kind: Kind::OutOfMemory, number: 2, host: None }));
        assert!(Profile::parse(r#"{"declineRate": 1.5}"#).unwrap_err().contains("declineRate"));
        assert!(Profile::parse(r#"{"delay": 1}"#).unwrap_err().contains("delay"));
    }
}
