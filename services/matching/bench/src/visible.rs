//! From the 201 to the change that the student sees, at a steady rate of requests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use flotilla::plan::Plan;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::args::Effort;
use crate::cpu::{Parts, per_thousand};
use crate::figure::{Figure, Goal, median, number, percentile};
use crate::http::{Client, get, post};
use crate::requests::Counting;
use crate::running::Running;
use crate::site::Site;

/// One request each: 100 a second, whether the ones before are answered or not.
const EVERY: Duration = Duration::from_millis(10);

/// Every other match is followed: looking costs CPU too, and what is measured is the fleet.
const FOLLOW_EVERY: u32 = 2;

/// The pause between two looks at a page.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Who looks at the same time. Whoever waits for a turn waits at the match's expense, so nothing slow is left out.
const LOOKING: usize = 32;

/// A change that is not seen within this is lost.
const LOST_AFTER: Duration = Duration::from_secs(10);

/// Users of the gateway, who keep their connections.
#[derive(Clone)]
struct Users {
    gateway: std::net::SocketAddr,
    idle: Arc<Mutex<Vec<Client>>>,
    looking: Arc<Semaphore>,
}

/// What one request saw, in milliseconds.
struct Sample {
    /// Until the 201.
    answered: f64,
    /// From the 201 to the page with both steps; only of those that are followed.
    visible: Option<f64>,
    /// The mean time from one look to the next.
    gap: Option<f64>,
}

/// Requests at a steady rate: first alone, for what they cost, then with a look at their pages.
pub async fn measure(site: &Site, plan: &Plan, running: &Running, effort: &Effort) -> Result<Vec<Figure>> {
    let (mut counting, parts) = (Counting::of(site, plan).await?, Parts::of(running, site)?);
    let users = Users {
        gateway: running.address("gateway")?,
        idle: Arc::default(),
        looking: Arc::new(Semaphore::new(LOOKING)),
    };
    eprintln!("visible: warming up");
    users.ask_steadily(effort.steady / 8, true).await?;
    let (established, before) = (counting.caught_up(running).await?, parts.seconds());
    eprintln!("visible: 100 matches/s, nobody looks");
    users.ask_steadily(effort.steady / 2, false).await?;
    let new = counting.caught_up(running).await? - established;
    let cpu = per_thousand(&before, &parts.seconds(), number(new));
    eprintln!("visible: 100 matches/s");
    let samples = users.ask_steadily(effort.steady, true).await?;
    let mut figures = figures(&samples);
    figures.extend(cpu_figures(&cpu));
    Ok(figures)
}

fn figures(samples: &[Sample]) -> Vec<Figure> {
    let visible: Vec<f64> = samples.iter().filter_map(|sample| sample.visible).collect();
    let answered: Vec<f64> = samples.iter().map(|sample| sample.answered).collect();
    let gap = median(&samples.iter().filter_map(|sample| sample.gap).collect::<Vec<_>>());
    let of = |what: &str, value, goal| Figure::new(what, value, "ms", goal);
    vec![
        of("from the 201 to the page, median, at 100 matches/s", median(&visible), Goal::Below(25.0)),
        of("from the 201 to the page, p99", percentile(&visible, 99), Goal::Below(150.0)),
        of("… the time from one look at the page to the next", gap, Goal::Nothing),
        Figure::new("… matches that were followed", count(visible.len()), "", Goal::Nothing),
        of("request to 201, median, at 100 matches/s", median(&answered), Goal::Nothing),
        of("request to 201, p99", percentile(&answered, 99), Goal::Nothing),
    ]
}

/// At this rate batches are small and everything wakes up for little: it costs more than under siege.
fn cpu_figures(used: &BTreeMap<String, f64>) -> Vec<Figure> {
    let of = |what: String, seconds| Figure::new(what, seconds, "s", Goal::Nothing);
    let all = of("CPU per 1,000 matches, at 100 matches/s".to_owned(), used.values().sum());
    let each = used.iter().map(|(name, seconds)| of(format!("… of which {name}"), *seconds));
    std::iter::once(all).chain(each).collect()
}

fn count(many: usize) -> f64 {
    number(i64::try_from(many).unwrap_or(i64::MAX))
}

impl Users {
    async fn ask_steadily(&self, how_long: Duration, looking: bool) -> Result<Vec<Sample>> {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let requests = u32::try_from(how_long.as_millis() / EVERY.as_millis())?;
        let mut tasks = JoinSet::new();
        for number in 0..requests {
            ticks.tick().await;
            let users = self.clone();
            tasks.spawn(async move { users.ask(looking && number % FOLLOW_EVERY == 0).await });
        }
        tasks.join_all().await.into_iter().collect()
    }

    async fn ask(&self, follow: bool) -> Result<Sample> {
        let mut client = self.client();
        let asked = Instant::now();
        let answer = client.ask(&post("/matches", "{\"price\":50000}")).await?;
        let answered = Instant::now();
        ensure!(answer.status == 201, "a request was answered {}", answer.status);
        let body: Value = serde_json::from_slice(answer.body)?;
        let id = body["id"].as_i64().context("a match without an id")?;
        let (visible, gap) = if follow { self.look(&mut client, id, answered).await?.unzip() } else { (None, None) };
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
        Ok(Sample { answered: millis(answered - asked), visible, gap })
    }

    /// Looks until the page shows both steps: the match is requested, and its payment is approved.
    async fn look(&self, client: &mut Client, id: i64, since: Instant) -> Result<Option<(f64, f64)>> {
        let _turn = self.looking.acquire().await?;
        let (request, began, mut looks) = (get(&format!("/myPages/{id}")), Instant::now(), 0_u32);
        loop {
            let answer = client.ask(&request).await?;
            looks += 1;
            if answer.status == 200 && shows_both(answer.body) {
                return Ok(Some((millis(since.elapsed()), millis(began.elapsed()) / f64::from(looks))));
            }
            ensure!(since.elapsed() < LOST_AFTER, "match {id} is not on its page after {LOST_AFTER:?}");
            sleep(LOOK_AGAIN).await;
        }
    }

    fn client(&self) -> Client {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| Client::new(self.gateway))
    }
}

fn shows_both(page: &[u8]) -> bool {
    let page: Value = serde_json::from_slice(page).unwrap_or_default();
    page["steps"]["matchRequested"].is_string() && page["steps"]["paymentApproved"].is_string()
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_both_only_with_both_steps() {
        assert!(shows_both(br#"{"steps":{"matchRequested":"t","paymentApproved":"t"}}"#));
        assert!(!shows_both(br#"{"steps":{"paymentApproved":"t"}}"#) && !shows_both(b""));
    }
}
