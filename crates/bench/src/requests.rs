//! Requests per second under siege, and their cost: CPU and memory.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::args::Effort;
use crate::broker;
use crate::cpu::{Parts, per_thousand};
use crate::declaration::Load;
use crate::environment::Environment;
use crate::figure::{Figure, Goal, median, number};
use crate::proc;
use crate::running_fleet::RunningFleet;
use crate::siege::{Outcome, Siege};
use crate::transactions::Transactions;

/// From this rate of the transactions alone, the goal is a number besides a share.
const FAST_MACHINE: f64 = 2000.0;

/// The results, round by round.
#[derive(Default)]
struct Rounds {
    sieges: Vec<Outcome>,
    in_plain_sql: Vec<f64>,
    in_one_statement: Vec<f64>,
    /// CPU seconds per 1,000 established cases, by process.
    cpu: BTreeMap<String, Vec<f64>>,
    established: i64,
}

/// What a round measures.
struct Round<'a> {
    siege: Siege,
    transactions: Transactions,
    parts: Parts,
    fleet: &'a RunningFleet,
    brokers: &'a str,
    /// The topic that gets one event for each established case.
    topic: String,
}

/// Siege and the transactions alone, alternately.
pub async fn measure(
    environment: &Environment,
    load: &Load,
    fleet: &RunningFleet,
    effort: &Effort,
) -> Result<Vec<Figure>> {
    let round = Round {
        siege: Siege::new(environment, fleet.address("gateway")?, &load.request)?,
        transactions: Transactions::prepare(environment, &load.transactions).await?,
        parts: Parts::of(fleet, environment)?,
        fleet,
        brokers: &environment.kafka,
        topic: format!("{}.{}", fleet.name, load.topic),
    };
    eprintln!("requests: warm-up");
    round.siege.run(effort.warm_up).await?;
    fleet.catch_up().await?;
    round.transactions.rate_in_plain_sql(effort.transactions / 4).await?;
    round.transactions.rate_in_one_statement(effort.transactions / 4).await?;
    let mut rounds = Rounds::default();
    for number in 1..=effort.rounds {
        eprintln!("requests: round {number} of {}", effort.rounds);
        rounds.measure_transactions(&round, effort).await?;
        rounds.measure_siege(&round, effort).await?;
    }
    rounds.measure_transactions(&round, effort).await?;
    let mut figures = rounds.figures(&load.established, environment.connections);
    figures.extend(memory(fleet));
    Ok(figures)
}

impl Rounds {
    async fn measure_transactions(&mut self, round: &Round<'_>, effort: &Effort) -> Result<()> {
        self.in_plain_sql.push(round.transactions.rate_in_plain_sql(effort.transactions).await?);
        self.in_one_statement.push(round.transactions.rate_in_one_statement(effort.transactions).await?);
        Ok(())
    }

    async fn measure_siege(&mut self, round: &Round<'_>, effort: &Effort) -> Result<()> {
        let established = broker::records_in(round.brokers, &round.topic).await?;
        let before = round.parts.cpu_seconds();
        self.sieges.push(round.siege.run(effort.siege).await?);
        round.fleet.catch_up().await?;
        let after = round.parts.cpu_seconds();
        let new = broker::records_in(round.brokers, &round.topic).await? - established;
        for (name, used) in per_thousand(&before, &after, number(new)) {
            self.cpu.entry(name).or_default().push(used);
        }
        self.established += new;
        Ok(())
    }

    fn figures(&self, established: &str, connections: u32) -> Vec<Figure> {
        // The faster of the two is the limit.
        let (plain, one) = (median(&self.in_plain_sql), median(&self.in_one_statement));
        let (limit, form) = if one > plain { (one, "one statement each") } else { (plain, "plain SQL") };
        let beside = format!("/s, PostgreSQL alone, {form}, {connections} connections per store");
        let rates: Vec<f64> = self.sieges.iter().map(|siege| siege.rate).collect();
        let requests = |name, goal| Figure::median(name, rates.clone(), "/s", goal).beside(beside.clone(), limit);
        let absolute = if limit >= FAST_MACHINE { Goal::AtLeast(600.0) } else { Goal::None };
        let availability = self.sieges.iter().map(|siege| siege.availability).collect();
        let alone = |form, rates: &[f64]| {
            Figure::median(format!("transactions of a request alone, {form}"), rates.to_vec(), "/s", Goal::None)
        };
        let mut figures = vec![
            requests("requests established, siege -c100", Goal::ShareAtLeast(1.0 / 3.0)),
            requests("the same, if PostgreSQL alone commits 2,000/s", absolute),
            Figure::median("… successful responses", availability, "%", Goal::None),
            alone("plain SQL, BEGIN to COMMIT", &self.in_plain_sql),
            alone("one statement each, as the services send them", &self.in_one_statement),
        ];
        figures.extend(self.cpu_figures(established));
        figures
    }

    fn cpu_figures(&self, established: &str) -> Vec<Figure> {
        let rounds = self.sieges.len();
        let sums = (0..rounds).map(|round| self.cpu.values().filter_map(|runs| runs.get(round)).sum()).collect();
        let total = format!("CPU per 1,000 {established}, all processes, caught up");
        let mut figures = vec![Figure::median(total, sums, "s", Goal::Below(2.0))];
        let of = |(name, runs): (&String, &Vec<f64>)| {
            Figure::median(format!("… of which {name}"), runs.clone(), "s", Goal::None)
        };
        figures.extend(self.cpu.iter().map(of));
        figures.push(Figure::new(format!("{established} under siege"), number(self.established), "", Goal::None));
        figures
    }
}

fn memory(fleet: &RunningFleet) -> Vec<Figure> {
    let of = |(name, pid): (String, u32)| {
        Figure::new(format!("memory of {name} after the siege"), proc::resident_mb(pid), "MB", Goal::Below(40.0))
    };
    fleet.pids().into_iter().map(of).collect()
}
