//! CPU time of everything that takes part, by process.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use crate::proc;
use crate::running::Running;
use crate::site::Site;

/// Who takes part: the processes of the fleet, Kafka and PostgreSQL.
pub struct Parts {
    pids: BTreeMap<String, u32>,
}

impl Parts {
    /// Of this fleet on this site. Kafka and PostgreSQL must run on this machine.
    pub fn of(running: &Running, site: &Site) -> Result<Self> {
        let mut pids = running.pids();
        pids.insert("Kafka".to_owned(), kafka(site)?);
        pids.insert("PostgreSQL".to_owned(), postgres(site)?);
        Ok(Self { pids })
    }

    /// CPU seconds used so far, by name.
    pub fn seconds(&self) -> BTreeMap<String, f64> {
        self.pids.iter().map(|(name, pid)| (name.clone(), proc::cpu_seconds(*pid))).collect()
    }
}

/// The process of the first broker.
pub fn kafka(site: &Site) -> Result<u32> {
    let first = site.kafka.split(',').next().and_then(|address| address.rsplit_once(':')?.1.parse().ok());
    proc::listener(first.context("the address of Kafka has no port")?)
}

fn postgres(site: &Site) -> Result<u32> {
    proc::listener(site.postgres.port().unwrap_or(5432))
}

/// What each part has used in between, per 1,000 of `count`.
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
    fn what_was_used_in_between_counts_per_thousand() {
        let at = |a: f64, b: f64| BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), b)]);
        let used = per_thousand(&at(1.0, 5.0), &at(3.0, 5.5), 500.0);
        assert_eq!(format!("{used:?}"), r#"{"a": 4.0, "b": 1.0}"#);
    }
}
