//! Pools that limit the share of each client.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chassis::Share;

use crate::request::client_id::ClientId;

/// Number of locks: requests of different clients rarely wait for each other.
const SHARDS: usize = 64;

/// A limited number of units, and how many of them each client holds.
#[derive(Debug)]
pub struct Pool {
    size: u64,
    /// Maximum number of units of one client.
    share: u64,
    acquired: AtomicU64,
    /// Only clients that hold units: never larger than the number of units held.
    held: Box<[Mutex<HashMap<ClientId, u64>>]>,
    hasher: RandomState,
}

/// Why units are denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolError {
    /// The client has reached its share.
    ShareExceeded,
    /// No units are left.
    Exhausted,
}

/// The units of one request. Released when dropped.
#[derive(Debug)]
pub struct Reservation {
    pool: Arc<Pool>,
    client: ClientId,
    reserved: u64,
    acquired: u64,
}

impl Pool {
    /// A pool of `size` units. The `share` of one client is at least `least` units.
    pub fn new(size: u64, share: Share, least: u64) -> Self {
        let held = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { size, share: share.of(size).max(least), acquired: AtomicU64::new(0), held, hasher: RandomState::new() }
    }

    /// A reservation for a request of `client`, empty at first.
    pub fn reservation(self: &Arc<Self>, client: ClientId) -> Reservation {
        Reservation { pool: Arc::clone(self), client, reserved: 0, acquired: 0 }
    }

    fn held_by(&self, client: &ClientId) -> MutexGuard<'_, HashMap<ClientId, u64>> {
        // The remainder is less than the number of shards.
        let shard = usize::try_from(self.hasher.hash_one(client) % SHARDS as u64).unwrap_or_default();
        self.held[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reserve(&self, client: &ClientId, units: u64) -> Result<(), PoolError> {
        let mut held = self.held_by(client);
        let before = held.get(client).copied().unwrap_or_default();
        let now = before.checked_add(units).filter(|now| *now <= self.share).ok_or(PoolError::ShareExceeded)?;
        held.insert(client.clone(), now);
        Ok(())
    }

    fn release(&self, client: &ClientId, units: u64) {
        if let Entry::Occupied(mut held) = self.held_by(client).entry(client.clone()) {
            *held.get_mut() -= units;
            if *held.get() == 0 {
                held.remove();
            }
        }
    }

    fn acquire(&self, units: u64) -> Result<(), PoolError> {
        let more = |acquired: u64| acquired.checked_add(units).filter(|acquired| *acquired <= self.size);
        self.acquired
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, more)
            .map(drop)
            .map_err(|_| PoolError::Exhausted)
    }
}

impl Reservation {
    /// Counts units against the client's share. They can be acquired later.
    pub fn reserve(&mut self, units: u64) -> Result<(), PoolError> {
        if units > 0 {
            self.pool.reserve(&self.client, units)?;
            self.reserved += units;
        }
        Ok(())
    }

    /// Takes units from the pool, regardless of the share.
    pub fn acquire(&mut self, units: u64) -> Result<(), PoolError> {
        self.pool.acquire(units)?;
        self.acquired += units;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.acquired > 0 {
            self.pool.acquired.fetch_sub(self.acquired, Ordering::AcqRel);
        }
        if self.reserved > 0 {
            self.pool.release(&self.client, self.reserved);
        }
    }
}

#[cfg(test)]
mod tests;
