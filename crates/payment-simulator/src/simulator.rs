use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ambient::Ids;
use async_trait::async_trait;
use payment::{Bill, ChargeError, Provider};
use tokio::time::sleep;

use crate::profile::Profile;

/// A provider that takes no money.
#[derive(Debug)]
pub struct Simulator {
    profile: RwLock<Profile>,
    ids: Arc<Ids>,
}

impl Simulator {
    /// A provider that approves everything at once.
    pub fn new(ids: Arc<Ids>) -> Self {
        tracing::warn!("payments are SIMULATED: no real money is taken");
        Self { profile: RwLock::default(), ids }
    }

    /// Changes its behaviour.
    pub fn set(&self, profile: Profile) {
        *self.profile.write().unwrap_or_else(PoisonError::into_inner) = profile;
    }

    fn profile(&self) -> Profile {
        self.profile.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Provider for Simulator {
    async fn charge(&self, _bill: &Bill) -> Result<(), ChargeError> {
        let Profile { delay_ms, jitter_ms, decline_rate, failure_rate, fault: _ } = self.profile();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_charge_takes_its_delay_and_is_declined_or_fails_by_its_profile() {
        let simulator = Simulator::new(Arc::new(Ids::seeded(Arc::new(ambient::SystemClock), 1)));
        let bill = Bill { key: 1, attempt: 1, price: 1 };
        simulator.set(Profile { delay_ms: 400, jitter_ms: 300, ..Profile::default() });
        let began = tokio::time::Instant::now();
        assert_eq!(simulator.charge(&bill).await, Ok(()));
        assert!((400..=701).contains(&began.elapsed().as_millis()));
        simulator.set(Profile { decline_rate: 1.0, ..Profile::default() });
        assert!(matches!(simulator.charge(&bill).await, Err(ChargeError::Declined(_))));
        simulator.set(Profile { failure_rate: 1.0, ..Profile::default() });
        assert_eq!(simulator.charge(&bill).await, Err(ChargeError::Failed));
    }
}
