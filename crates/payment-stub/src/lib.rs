//! A payment provider in a simulation: [`ProviderStub`], with faults that are drawn by the seed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use audit::{Stores, Table, Verdict};
use chassis::Host;
use payment::{Bill, ChargeError, Provider, ProviderSettings};
use simulation::{Mutant, World};
use tokio::time::sleep;

/// The provider repeats a charge without a response without its idempotency key, which the laws must find.
pub const WITHOUT_KEY: Mutant = Mutant::of_stub("payment-without-key");

/// A stub of the payment provider. It is outside the fleet: its accounts survive the kill of a process.
pub struct ProviderStub {
    world: Arc<World>,
    /// Whether a charge without a response is repeated without its idempotency key.
    without_key: bool,
    accounts: Mutex<BTreeMap<(i64, i64), Account>>,
    faults: Mutex<FaultProfile>,
}

/// The account of a bill.
#[derive(Debug, Clone, Copy, Default)]
struct Account {
    /// Money that was charged and not refunded.
    held: i64,
    /// Money that was charged without the key: no refund finds it.
    stray: i64,
    /// Refunded: later charges have no effect.
    closed: bool,
}

/// The probabilities of its faults.
#[derive(Debug, Clone, Copy, Default)]
struct FaultProfile {
    declined: f64,
    /// It fails before it changes the account.
    failed_before: f64,
    /// It fails after it has changed the account.
    failed_after: f64,
    /// The maximum delay of a response.
    max_delay: Duration,
}

impl fmt::Debug for ProviderStub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderStub").field("without_key", &self.without_key).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ProviderStub {
    /// A stub with no accounts, for the fleet with this rule broken.
    pub fn new(world: &Arc<World>, mutant: Option<Mutant>) -> Self {
        let without_key = mutant == Some(WITHOUT_KEY);
        Self { world: Arc::clone(world), without_key, accounts: Mutex::default(), faults: Mutex::default() }
    }

    /// Draws the faults of a run.
    pub fn begin_faults(&self, world: &World) {
        let some = |most: f64| world.draw(|rng| if rng.bool() { rng.f64() * most } else { 0.0 });
        let max_delay = world.span(Duration::from_millis(1)..Duration::from_millis(1_500));
        let (declined, failed_before, failed_after) = (some(0.3), some(0.3), some(0.3));
        *lock(&self.faults) = FaultProfile { declined, failed_before, failed_after, max_delay };
    }

    /// Ends all faults.
    pub fn end_faults(&self) {
        *lock(&self.faults) = FaultProfile::default();
    }

    /// Whether its balances are the approved payments. `payments` is the table of the payment context, and `key` its column
    /// with the key of the bill.
    pub fn holds_what_is_paid(&self, stores: &Stores, payments: &Table, key: &str) -> Verdict {
        let mut verdict = Verdict::new("the provider holds the money of approved payments and no other");
        let approved = stores.all(payments).filter(|payment| payment.text("state") == Some("Approved"));
        let approved: BTreeMap<i64, i64> =
            approved.filter_map(|payment| Some((payment.i64(key)?, payment.i64("price")?))).collect();
        let held = self.balances();
        verdict.looked_at = approved.len().max(held.len());
        for key in approved.keys().chain(held.keys()).collect::<BTreeSet<_>>() {
            let (paid, held) = (approved.get(key).copied().unwrap_or(0), held.get(key).copied().unwrap_or(0));
            if paid != held {
                verdict.violated(*key, format!("the provider holds {held}, and {paid} is paid"));
            }
        }
        verdict
    }

    /// The balances that are not zero, by the keys of their bills.
    fn balances(&self) -> BTreeMap<i64, i64> {
        let mut held = BTreeMap::new();
        for ((key, _), account) in lock(&self.accounts).iter().filter(|(_, account)| account.held + account.stray > 0) {
            *held.entry(*key).or_insert(0) += account.held + account.stray;
        }
        held
    }

    async fn delay(&self) -> FaultProfile {
        let faults = *lock(&self.faults);
        sleep(self.world.span(Duration::ZERO..faults.max_delay)).await;
        faults
    }

    fn record(&self, bill: &Bill, what: &str) {
        self.world.record("provider", Some(bill.key), format!("{what} (attempt {})", bill.attempt));
    }
}

/// The settings of a payment process that uses the stub.
#[derive(Clone, Default, clap::Args)]
#[group(skip)]
pub struct StubSettings {
    /// The stub.
    #[arg(skip)]
    pub provider: Option<Arc<ProviderStub>>,
}

impl ProviderSettings for StubSettings {
    fn provider(&self, _host: &Host) -> anyhow::Result<Arc<dyn Provider>> {
        let provider = self.provider.clone().context("the stub is set before the process starts")?;
        Ok(provider)
    }
}

#[async_trait]
impl Provider for ProviderStub {
    async fn charge(&self, bill: &Bill) -> Result<(), ChargeError> {
        let faults = self.delay().await;
        if self.world.occurs(faults.failed_before) {
            return Err(ChargeError::Failed);
        }
        if self.world.occurs(faults.declined) {
            return Err(ChargeError::Declined("no money".to_owned()));
        }
        let lost = self.world.occurs(faults.failed_after);
        let mut accounts = lock(&self.accounts);
        let account = accounts.entry((bill.key, bill.attempt)).or_default();
        if !account.closed {
            account.held = bill.price;
        }
        if lost && self.without_key {
            account.stray += bill.price;
        }
        drop(accounts);
        self.record(bill, if lost { "charges, and its response is lost" } else { "charges" });
        if lost && !self.without_key { Err(ChargeError::Failed) } else { Ok(()) }
    }

    async fn refund(&self, bill: &Bill) -> Result<(), ChargeError> {
        let faults = self.delay().await;
        if self.world.occurs(faults.failed_before) {
            return Err(ChargeError::Failed);
        }
        let mut accounts = lock(&self.accounts);
        let account = accounts.entry((bill.key, bill.attempt)).or_default();
        (account.held, account.closed) = (0, true);
        drop(accounts);
        self.record(bill, "refunds");
        if self.world.occurs(faults.failed_after) { Err(ChargeError::Failed) } else { Ok(()) }
    }
}
