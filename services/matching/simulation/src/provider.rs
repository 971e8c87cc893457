use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use payment_domain::Bill;
use payment_service::{ChargeError, Provider};
use simulation::World;
use tokio::time::sleep;

/// Who really takes the money: outside of the fleet, and still there when a process has died.
pub(crate) struct Till {
    world: Arc<World>,
    /// Charges that get no answer are sent again as new ones.
    without_key: bool,
    accounts: Mutex<BTreeMap<(i64, i64), Account>>,
    mood: Mutex<Mood>,
}

/// What it holds for a bill.
#[derive(Debug, Clone, Copy, Default)]
struct Account {
    /// Money that was taken and not given back.
    held: i64,
    /// Money that was taken under another key, of which no refund knows.
    stray: i64,
    closed: bool,
}

/// How it behaves.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mood {
    pub(crate) declines: f64,
    pub(crate) fails_before: f64,
    pub(crate) fails_after: f64,
    /// At most; evenly spread.
    pub(crate) delay: Duration,
}

impl fmt::Debug for Till {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Till").field("without_key", &self.without_key).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Till {
    pub(crate) fn new(world: &Arc<World>, without_key: bool) -> Self {
        Self { world: Arc::clone(world), without_key, accounts: Mutex::default(), mood: Mutex::default() }
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        *lock(&self.mood) = mood;
    }

    /// The money that it holds for each match, where it holds any.
    pub(crate) fn holds(&self) -> BTreeMap<i64, i64> {
        let mut held = BTreeMap::new();
        for ((match_id, _), account) in
            lock(&self.accounts).iter().filter(|(_, account)| account.held + account.stray > 0)
        {
            *held.entry(*match_id).or_insert(0) += account.held + account.stray;
        }
        held
    }

    async fn take_time(&self) -> Mood {
        let mood = *lock(&self.mood);
        sleep(self.world.span(Duration::ZERO..mood.delay)).await;
        mood
    }

    fn tell(&self, bill: &Bill, what: &str) {
        self.world.tell("provider", Some(bill.match_id), format!("{what} (attempt {})", bill.attempt));
    }
}

#[async_trait]
impl Provider for Till {
    async fn charge(&self, bill: &Bill) -> Result<(), ChargeError> {
        let mood = self.take_time().await;
        if self.world.befalls(mood.fails_before) {
            return Err(ChargeError::Failed);
        }
        if self.world.befalls(mood.declines) {
            return Err(ChargeError::Declined("no money".to_owned()));
        }
        let unanswered = self.world.befalls(mood.fails_after);
        let mut accounts = lock(&self.accounts);
        let account = accounts.entry((bill.match_id, bill.attempt)).or_default();
        if !account.closed {
            account.held = bill.price;
        }
        if unanswered && self.without_key {
            account.stray += bill.price;
        }
        drop(accounts);
        self.tell(bill, if unanswered { "takes the money and does not answer" } else { "takes the money" });
        if unanswered && !self.without_key { Err(ChargeError::Failed) } else { Ok(()) }
    }

    async fn refund(&self, bill: &Bill) -> Result<(), ChargeError> {
        let mood = self.take_time().await;
        if self.world.befalls(mood.fails_before) {
            return Err(ChargeError::Failed);
        }
        let mut accounts = lock(&self.accounts);
        let account = accounts.entry((bill.match_id, bill.attempt)).or_default();
        (account.held, account.closed) = (0, true);
        drop(accounts);
        self.tell(bill, "gives the money back");
        if self.world.befalls(mood.fails_after) { Err(ChargeError::Failed) } else { Ok(()) }
    }
}
