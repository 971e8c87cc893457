use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ambient::Ids;
use async_trait::async_trait;
use chassis::Host;
use payment_domain::Bill;
use serde::Deserialize;
use tokio::time::sleep;

use crate::fault::Fault;
use crate::provider::{ChargeError, Provider};

/// How often the file is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// How the simulated provider behaves.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// How long a charge takes at least, in milliseconds.
    pub delay_ms: u32,
    /// How much longer it may take, by chance, in milliseconds.
    pub jitter_ms: u32,
    /// The share of charges that are declined, from 0 to 1.
    pub decline_rate: f64,
    /// The share of charges that fail, from 0 to 1.
    pub failure_rate: f64,
    /// What goes wrong with the processes that are there when this is written, and not with those that come after them.
    pub fault: Option<Fault>,
}

/// A provider that takes no real money. **For demonstrations and tests only.**
#[derive(Debug)]
pub struct Simulator {
    settings: RwLock<Settings>,
    ids: Arc<Ids>,
}

impl Simulator {
    /// A provider that approves everything at once.
    pub fn new(ids: Arc<Ids>) -> Self {
        tracing::warn!("payments are SIMULATED: no real money is taken");
        Self { settings: RwLock::default(), ids }
    }

    /// Behaves like this from now on.
    pub fn set(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    fn settings(&self) -> Settings {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Provider for Simulator {
    async fn charge(&self, _bill: &Bill) -> Result<(), ChargeError> {
        let Settings { delay_ms, jitter_ms, decline_rate, failure_rate, fault: _ } = self.settings();
        let least = Duration::from_millis(delay_ms.into());
        let delay = self.ids.span(least..least + Duration::from_millis(jitter_ms.into()));
        if !delay.is_zero() {
            sleep(delay).await;
        }
        if self.ids.chance(failure_rate) {
            return Err(ChargeError::Failed);
        }
        if self.ids.chance(decline_rate) {
            return Err(ChargeError::Declined("the simulated provider declines".to_owned()));
        }
        Ok(())
    }

    async fn refund(&self, _bill: &Bill) -> Result<(), ChargeError> {
        Ok(())
    }
}

/// Reads the settings from `file` whenever it changes: a `ConfigMap` that is edited reaches every replica.
pub fn start_watching(simulator: &Arc<Simulator>, file: PathBuf, host: &Host) {
    let (simulator, stop) = (Arc::clone(simulator), host.stopping());
    host.spawn("simulator settings", async move {
        let (mut last, mut struck) = (None, None);
        while !stop.is_cancelled() {
            let text = tokio::fs::read_to_string(&file).await.ok();
            if text != last {
                if let Some(settings) = take(&simulator, &file, text.as_deref()) {
                    // What is there at the start has struck the process before this one.
                    let is_new = struck.as_ref().is_some_and(|struck| *struck != settings.fault);
                    if let (true, Some(fault)) = (is_new, &settings.fault) {
                        fault.strike();
                    }
                    struck = Some(settings.fault);
                }
                last = text;
            }
            stop.run_until_cancelled(sleep(LOOK_AGAIN)).await;
        }
    });
}

fn take(simulator: &Simulator, file: &Path, text: Option<&str>) -> Option<Settings> {
    match text.map_or(Ok(Settings::default()), read) {
        Ok(settings) => {
            tracing::info!(?settings, "the simulated provider");
            simulator.set(settings.clone());
            Some(settings)
        }
        Err(error) => {
            tracing::warn!(file = %file.display(), error, "settings not taken");
            None
        }
    }
}

fn read(text: &str) -> Result<Settings, String> {
    let settings: Settings = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let rates = [("declineRate", settings.decline_rate), ("failureRate", settings.failure_rate)];
    match rates.into_iter().find(|(_, rate)| !(0.0..=1.0).contains(rate)) {
        Some((name, rate)) => Err(format!("{name} is {rate}, not from 0 to 1")),
        None => Ok(settings),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_wrong_ones_are_refused_by_name() {
        let settings = read(r#"{"delayMs": 400, "declineRate": 0.5}"#).unwrap();
        assert_eq!(settings, Settings { delay_ms: 400, decline_rate: 0.5, ..Settings::default() });
        let fault = read(r#"{"fault": {"kind": "outOfMemory", "number": 2}}"#).unwrap().fault;
        assert_eq!(fault, Some(Fault { kind: crate::fault::Kind::OutOfMemory, number: 2, host: None }));
        assert!(read(r#"{"declineRate": 1.5}"#).unwrap_err().contains("declineRate"));
        assert!(read(r#"{"delay": 1}"#).unwrap_err().contains("delay"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_charge_takes_its_delay_and_is_declined_or_fails_as_told() {
        let simulator = Simulator::new(Arc::new(Ids::seeded(Arc::new(ambient::SystemClock), 1)));
        let bill = Bill { match_id: 1, attempt: 1, price: 1 };
        simulator.set(Settings { delay_ms: 400, jitter_ms: 300, ..Settings::default() });
        let began = tokio::time::Instant::now();
        assert_eq!(simulator.charge(&bill).await, Ok(()));
        assert!((400..=701).contains(&began.elapsed().as_millis()));
        simulator.set(Settings { decline_rate: 1.0, ..Settings::default() });
        assert!(matches!(simulator.charge(&bill).await, Err(ChargeError::Declined(_))));
        simulator.set(Settings { failure_rate: 1.0, ..Settings::default() });
        assert_eq!(simulator.charge(&bill).await, Err(ChargeError::Failed));
    }
}
