//! From the response 201 to the view that shows it, at a constant rate of requests.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::args::Effort;
use crate::cases::Cases;
use crate::cpu::{Parts, per_thousand};
use crate::declaration::{Case, with_id};
use crate::environment::Environment;
use crate::figure::{Figure, Goal, median, number, percentile};
use crate::http::{Client, get};
use crate::running_fleet::RunningFleet;

/// Every other case is polled: polling costs CPU too, and the fleet is what is measured.
const POLLED_OF: u32 = 2;

/// The pause between two polls of a view.
const POLL_PAUSE: Duration = Duration::from_millis(1);

/// Views that are polled concurrently. A case that waits is measured with its wait, so no slow one is missing.
const CONCURRENT_POLLS: usize = 32;

/// Time limit for a case to become visible.
const VISIBLE_TIMEOUT: Duration = Duration::from_secs(10);

/// The clients of the gateway, which keep their connections.
#[derive(Clone)]
struct Clients {
    gateway: SocketAddr,
    cases: Cases,
    /// The interval of the requests, also while earlier ones have no response.
    interval: Duration,
    idle: Arc<Mutex<Vec<Client>>>,
    polls: Arc<Semaphore>,
}

/// The measurement of one case, in milliseconds.
struct Sample {
    /// From the request to the response 201.
    response: f64,
    /// Of the cases that are polled.
    polled: Option<Polled>,
}

/// The measurement of a view.
#[derive(Clone, Copy)]
struct Polled {
    /// From the response 201 to the view.
    visible: f64,
    /// The mean time from one poll to the next.
    interval: f64,
}

/// Requests at a constant rate: first without polls, for their cost in CPU, then with polls.
pub async fn measure(
    environment: &Environment,
    case: &Case,
    fleet: &RunningFleet,
    effort: &Effort,
) -> Result<Vec<Figure>> {
    let parts = Parts::of(fleet, environment)?;
    let clients = Clients {
        gateway: fleet.address("gateway")?,
        cases: Cases::new(case, &environment.ids),
        interval: Duration::from_secs(1) / effort.rate,
        idle: Arc::default(),
        polls: Arc::new(Semaphore::new(CONCURRENT_POLLS)),
    };
    eprintln!("visible: warm-up");
    clients.establish_at_constant_rate(effort.constant_rate / 8, true).await?;
    fleet.catch_up().await?;
    let before = parts.cpu_seconds();
    eprintln!("visible: {}/s without polls", effort.rate);
    let established = clients.establish_at_constant_rate(effort.constant_rate / 2, false).await?.len();
    fleet.catch_up().await?;
    let cpu = per_thousand(&before, &parts.cpu_seconds(), count(established));
    eprintln!("visible: {}/s with polls", effort.rate);
    let samples = clients.establish_at_constant_rate(effort.constant_rate, true).await?;
    let at_rate = format!("at {} {}/s", effort.rate, case.established);
    let mut figures = figures(&case.established, &at_rate, &samples);
    figures.extend(cpu_figures(&case.established, &at_rate, &cpu));
    Ok(figures)
}

fn figures(established: &str, at_rate: &str, samples: &[Sample]) -> Vec<Figure> {
    let polled: Vec<Polled> = samples.iter().filter_map(|sample| sample.polled).collect();
    let visible: Vec<f64> = polled.iter().map(|polled| polled.visible).collect();
    let intervals: Vec<f64> = polled.iter().map(|polled| polled.interval).collect();
    let responses: Vec<f64> = samples.iter().map(|sample| sample.response).collect();
    let of = |name: String, value, goal| Figure::new(name, value, "ms", goal);
    vec![
        of(format!("from the 201 to the view, median, {at_rate}"), median(&visible), Goal::Below(25.0)),
        of("from the 201 to the view, p99".to_owned(), percentile(&visible, 99), Goal::Below(150.0)),
        of("… interval of the polls".to_owned(), median(&intervals), Goal::None),
        Figure::new(format!("… {established} that were polled"), count(polled.len()), "", Goal::None),
        of(format!("request to 201, median, {at_rate}"), median(&responses), Goal::None),
        of("request to 201, p99".to_owned(), percentile(&responses, 99), Goal::None),
    ]
}

/// At this rate batches are small and wake-ups serve few events: the cost is higher than under siege.
fn cpu_figures(established: &str, at_rate: &str, used: &BTreeMap<String, f64>) -> Vec<Figure> {
    let of = |name: String, seconds| Figure::new(name, seconds, "s", Goal::None);
    let all = of(format!("CPU per 1,000 {established}, {at_rate}"), used.values().sum());
    let each = used.iter().map(|(name, seconds)| of(format!("… of which {name}"), *seconds));
    std::iter::once(all).chain(each).collect()
}

fn count(many: usize) -> f64 {
    number(i64::try_from(many).unwrap_or(i64::MAX))
}

impl Clients {
    async fn establish_at_constant_rate(&self, duration: Duration, with_polls: bool) -> Result<Vec<Sample>> {
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let requests = u32::try_from(duration.as_millis() / self.interval.as_millis())?;
        let mut tasks = JoinSet::new();
        for number in 0..requests {
            ticks.tick().await;
            let clients = self.clone();
            tasks.spawn(async move { clients.sample(with_polls && number % POLLED_OF == 0).await });
        }
        tasks.join_all().await.into_iter().collect()
    }

    async fn sample(&self, is_polled: bool) -> Result<Sample> {
        let mut client = self.client();
        let established = self.cases.establish(&mut client).await?;
        let polled =
            if is_polled { Some(self.poll(&mut client, established.id, established.received).await?) } else { None };
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
        Ok(Sample { response: millis(established.received - established.sent), polled })
    }

    /// Polls the view until it shows the case.
    async fn poll(&self, client: &mut Client, id: i64, since: Instant) -> Result<Polled> {
        let _permit = self.polls.acquire().await?;
        let (request, began, mut polls) = (get(&with_id(&self.cases.case.view, id)), Instant::now(), 0_u32);
        loop {
            let response = client.send(&request).await?;
            polls += 1;
            if response.status == 200 && shows(response.body, &self.cases.case.shown_by) {
                let interval = millis(began.elapsed()) / f64::from(polls);
                return Ok(Polled { visible: millis(since.elapsed()), interval });
            }
            ensure!(since.elapsed() < VISIBLE_TIMEOUT, "case {id} is not visible after {VISIBLE_TIMEOUT:?}");
            sleep(POLL_PAUSE).await;
        }
    }

    fn client(&self) -> Client {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| Client::new(self.gateway))
    }
}

/// Whether none of these fields is null or absent.
fn shows(view: &[u8], fields: &[String]) -> bool {
    let view: Value = serde_json::from_slice(view).unwrap_or_default();
    fields.iter().all(|pointer| view.pointer(pointer).is_some_and(|field| !field.is_null()))
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_shows_a_case_once_all_fields_are_there() {
        let fields = ["/steps/lifted".to_owned(), "/weight".to_owned()];
        assert!(shows(br#"{"steps":{"lifted":"t"},"weight":5}"#, &fields));
        assert!(!shows(br#"{"steps":{"lifted":"t"},"weight":null}"#, &fields));
        assert!(!shows(br#"{"weight":5}"#, &fields) && !shows(b"", &fields));
    }
}
