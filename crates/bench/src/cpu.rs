//! CPU time by process.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use crate::environment::Environment;
use crate::proc;
use crate::running_fleet::RunningFleet;

/// The processes that are measured: those of the fleet, Kafka and `PostgreSQL`.
pub struct Parts {
    pids: BTreeMap<String, u32>,
}

impl Parts {
    /// Of this fleet. Kafka and `PostgreSQL` must run on this machine.
    pub fn of(fleet: &RunningFleet, environment: &Environment) -> Result<Self> {
        let mut pids = fleet.pids();
        pids.insert("Kafka".to_owned(), kafka(environment)?);
        pids.insert("PostgreSQL".to_owned(), postgres(environment)?);
        Ok(Self { pids })
    }

    /// CPU seconds used so far, by name.
    pub fn cpu_seconds(&self) -> BTreeMap<String, f64> {
        self.pids.iter().map(|(name, pid)| (name.clone(), proc::cpu_seconds(*pid))).collect()
    }
}

/// The process of the first broker.
pub fn kafka(environment: &Environment) -> Result<u32> {
    let first = environment.kafka.split(',').next().and_then(|address| address.rsplit_once(':')?.1.parse().ok());
    proc::listener(first.context("the address of Kafka has no port")?)
}

fn postgres(environment: &Environment) -> Result<u32> {
    proc::listener(environment.postgres.port().unwrap_or(5432))
}

/// The CPU seconds of each process between two measurements, per 1,000 of `count`.
pub fn per_thousand(
    before: &BTreeMap<String, f64>,
    after: &BTreeMap<String, f64>,
    count: f64,
) -> BTreeMap<String, f64> {
    let used = |(name, end): (&String, &f64)| Some((name.clone(), (end - before.get(name)?) / count * 1000.0));
    after.iter().filter_map(used).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_counts_per_thousand() {
        let at = |a: f64, b: f64| BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), b)]);
        let used = per_thousand(&at(1.0, 5.0), &at(3.0, 5.5), 500.0);
        assert_eq!(format!("{used:?}"), r#"{"a": 4.0, "b": 1.0}"#);
    }
}
