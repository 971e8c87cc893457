//! Consumers that were away: how fast they take what they have missed.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

use crate::args::Effort;
use crate::backlog::{self, Backlog};
use crate::figure::{Figure, Goal, number};
use crate::http::Client;
use crate::running::{Running, applied};
use crate::site::Site;

/// How often a consumer is asked how far it is.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A consumer that has not caught up after this is not measured on.
const LIMIT: Duration = Duration::from_mins(1);

/// One consumer after the other, each with topics and stores of its own and nothing else beside it.
pub async fn measure(site: &Site, effort: &Effort) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for backlog in Backlog::ALL {
        eprintln!("catch-up: {}", backlog.consumer());
        figures.push(catch_up(site, backlog, effort.behind).await?);
    }
    Ok(figures)
}

async fn catch_up(site: &Site, backlog: Backlog, events: i64) -> Result<Figure> {
    let plan = site.plan(&site.fleet(backlog.consumer()))?;
    backlog.prepare(site, &plan.fleet, events).await?;
    let topics = backlog.fill(site, &plan.fleet, events).await?;
    let brokers = site.kafka.clone();
    let bulk = tokio::task::spawn_blocking(move || backlog::bulk_rate(&brokers, &topics, events)).await??;
    let running = Running::start_one(site, &plan, backlog.consumer()).await?;
    let rate = rate(&running, backlog.consumer(), events).await;
    running.stop().await;
    let what = format!("catching up: {}, {events} events behind ({})", backlog.consumer(), backlog.events());
    let figure = Figure::new(what, rate?, "events/s", Goal::AtLeast(10_000.0));
    Ok(figure.beside("records/s read in bulk by librdkafka alone", bulk))
}

/// From the first applied events that are seen to the last; what was applied when they were first seen does not count.
async fn rate(running: &Running, consumer: &str, events: i64) -> Result<f64> {
    let mut client = Client::new(running.address(consumer)?);
    let deadline = Instant::now() + LIMIT;
    let mut first = None;
    loop {
        let (count, now) = (applied(&mut client).await?, Instant::now());
        let (before, since) = *first.get_or_insert((count, now));
        if count >= events {
            return Ok(number(count - before) / (now - since).as_secs_f64());
        }
        if before == 0 && count > 0 {
            first = Some((count, now));
        }
        ensure!(now < deadline, "{consumer} has applied {count} of {events} events after {LIMIT:?}");
        sleep(LOOK_AGAIN).await;
    }
}
