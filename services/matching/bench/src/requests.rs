//! Requests per second under siege, and what they cost: CPU, memory.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use flotilla::plan::Plan;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use tokio::time::{Instant, sleep};

use crate::args::Effort;
use crate::cpu::{Parts, per_thousand};
use crate::figure::{Figure, Goal, median, number};
use crate::proc;
use crate::running::Running;
use crate::siege::{Outcome, Siege};
use crate::site::Site;
use crate::triples::Triples;

/// Requests that the last clients of a siege left behind end within this.
const LAST_REQUESTS: Duration = Duration::from_millis(500);

/// Offsets are committed this long after the events were handled: that belongs to what an event costs.
const LAST_COMMITS: Duration = Duration::from_millis(700);

/// Consumers that take longer than this to catch up are no steady state.
const CATCH_UP_LIMIT: Duration = Duration::from_mins(1);

/// Triples per second from which on the goal is a number and not only a share.
const FAST_MACHINE: f64 = 2000.0;

/// Counts what the fleet has done.
pub struct Counting {
    matches: PgConnection,
}

impl Counting {
    /// In the store of match.
    pub async fn of(site: &Site, plan: &Plan) -> Result<Self> {
        let url = site.url(&format!("{}-match", plan.fleet));
        Ok(Self { matches: PgConnection::connect(&url).await? })
    }

    /// Established matches.
    pub async fn established(&mut self) -> Result<i64> {
        let sql = "SELECT COUNT(*) FROM matches WHERE phase = 'established'";
        Ok(sqlx::query_scalar(sql).fetch_one(&mut self.matches).await?)
    }

    /// Waits until all consumers know all matches, and tells how many there are.
    pub async fn caught_up(&mut self, running: &Running) -> Result<i64> {
        sleep(LAST_REQUESTS).await;
        let established = self.established().await?;
        let deadline = Instant::now() + CATCH_UP_LIMIT;
        // mypage hears of the match and of its payment, visit of the payment; the others of nothing that they act on.
        while running.applied("mypage").await? < established * 2 || running.applied("visit").await? < established {
            ensure!(Instant::now() < deadline, "the consumers have not caught up within {CATCH_UP_LIMIT:?}");
            sleep(Duration::from_millis(50)).await;
        }
        sleep(LAST_COMMITS).await;
        Ok(established)
    }
}

/// What was measured round by round.
#[derive(Default)]
struct Rounds {
    sieges: Vec<Outcome>,
    plain: Vec<f64>,
    own: Vec<f64>,
    /// CPU seconds per 1,000 matches, by process.
    cpu: BTreeMap<String, Vec<f64>>,
    matches: i64,
}

/// Siege and bare transactions in turn.
pub async fn measure(site: &Site, plan: &Plan, running: &Running, effort: &Effort) -> Result<Vec<Figure>> {
    let (siege, triples) = (Siege::new(site, running.address("gateway")?)?, Triples::prepare(site).await?);
    let (mut counting, parts) = (Counting::of(site, plan).await?, Parts::of(running, site)?);
    eprintln!("requests: warming up");
    siege.run(effort.warm_up).await?;
    counting.caught_up(running).await?;
    triples.plain(effort.triples / 4).await?;
    triples.own(effort.triples / 4).await?;
    let mut rounds = Rounds::default();
    for round in 1..=effort.rounds {
        eprintln!("requests: round {round} of {}", effort.rounds);
        rounds.bare(&triples, effort).await?;
        rounds.besiege(&siege, &parts, &mut counting, running, effort).await?;
    }
    rounds.bare(&triples, effort).await?;
    let mut figures = rounds.figures(site);
    figures.extend(memory(running));
    Ok(figures)
}

impl Rounds {
    async fn bare(&mut self, triples: &Triples, effort: &Effort) -> Result<()> {
        self.plain.push(triples.plain(effort.triples).await?);
        self.own.push(triples.own(effort.triples).await?);
        Ok(())
    }

    async fn besiege(
        &mut self,
        siege: &Siege,
        parts: &Parts,
        counting: &mut Counting,
        running: &Running,
        effort: &Effort,
    ) -> Result<()> {
        let (established, before) = (counting.established().await?, parts.seconds());
        self.sieges.push(siege.run(effort.siege).await?);
        let new = counting.caught_up(running).await? - established;
        for (name, used) in per_thousand(&before, &parts.seconds(), number(new)) {
            self.cpu.entry(name).or_default().push(used);
        }
        self.matches += new;
        Ok(())
    }

    fn figures(&self, site: &Site) -> Vec<Figure> {
        // The harder of the two is the limit.
        let (plain, own) = (median(&self.plain), median(&self.own));
        let (commits, how) = if own > plain { (own, "our own statements") } else { (plain, "plain SQL") };
        let connections = site.connections;
        let beside = format!("triples/s, {how}, one process, {connections}+{connections} connections");
        let rates: Vec<f64> = self.sieges.iter().map(|siege| siege.rate).collect();
        let requests = |what, goal| Figure::median(what, rates.clone(), "/s", goal).beside(beside.clone(), commits);
        let fast_enough = if commits >= FAST_MACHINE { Goal::AtLeast(600.0) } else { Goal::Nothing };
        let availability = self.sieges.iter().map(|siege| siege.availability).collect();
        let mut figures = vec![
            requests("requests established, siege -c100", Goal::ShareAtLeast(1.0 / 3.0)),
            requests("the same, where 2,000 triples/s are possible", fast_enough),
            Figure::median("… answered as they should", availability, "%", Goal::Nothing),
            Figure::median("triples in plain SQL, BEGIN to COMMIT", self.plain.clone(), "/s", Goal::Nothing),
            Figure::median("triples by the services' own statements", self.own.clone(), "/s", Goal::Nothing),
        ];
        figures.extend(self.cpu_figures());
        figures
    }

    fn cpu_figures(&self) -> Vec<Figure> {
        let rounds = self.sieges.len();
        let sums = (0..rounds).map(|round| self.cpu.values().filter_map(|runs| runs.get(round)).sum()).collect();
        let mut figures =
            vec![Figure::median("CPU per 1,000 matches, all together, caught up", sums, "s", Goal::Below(2.0))];
        let of = |(name, runs): (&String, &Vec<f64>)| {
            Figure::median(format!("… of which {name}"), runs.clone(), "s", Goal::Nothing)
        };
        figures.extend(self.cpu.iter().map(of));
        figures.push(Figure::new("matches established meanwhile", number(self.matches), "", Goal::Nothing));
        figures
    }
}

fn memory(running: &Running) -> Vec<Figure> {
    let of = |(name, pid): (String, u32)| {
        Figure::new(format!("memory of {name} after that"), proc::resident_mb(pid), "MB", Goal::Below(40.0))
    };
    running.pids().into_iter().map(of).collect()
}
