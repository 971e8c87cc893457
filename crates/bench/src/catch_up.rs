//! Consumers that were down: the rate at which they apply the events that they have missed.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

use crate::args::Effort;
use crate::backlog;
use crate::broker;
use crate::declaration::CatchUp;
use crate::environment::Environment;
use crate::figure::{Figure, Goal, number};
use crate::http::Client;
use crate::running_fleet::{RunningFleet, applied_events, fill_store};

/// The interval of the polls of a consumer's metrics.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Time limit for a consumer to catch up.
const CATCH_UP_TIMEOUT: Duration = Duration::from_mins(1);

/// One consumer after another, each alone with topics and stores of its own.
pub async fn measure(environment: &Environment, consumers: &[CatchUp], effort: &Effort) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for consumer in consumers {
        eprintln!("catch-up: {}", consumer.context);
        figures.push(catch_up(environment, consumer, effort.behind).await?);
    }
    Ok(figures)
}

async fn catch_up(environment: &Environment, consumer: &CatchUp, events: i64) -> Result<Figure> {
    let (context, plan) = (&consumer.context, environment.plan(&consumer.context)?);
    let cases = events / i64::try_from(consumer.events.len())?;
    if !consumer.fill.is_empty() {
        fill_store(environment, &plan, context, &consumer.fill, cases).await?;
    }
    let topics = backlog::publish(environment, &plan.fleet, &consumer.events, cases).await?;
    let read_rate = broker::read_rate(&environment.kafka, topics, events).await?;
    let fleet = RunningFleet::start_some(environment, &plan, |name| name == context).await?;
    let rate = rate(&fleet, context, events).await;
    fleet.stop().await;
    let name = format!("catching up: {context}, {events} events behind ({})", consumer.kinds());
    let figure = Figure::new(name, rate?, "events/s", Goal::AtLeast(10_000.0));
    Ok(figure.beside("records/s read by librdkafka alone", read_rate))
}

/// From the first poll that sees applied events to the last. The events of the first poll do not count.
async fn rate(fleet: &RunningFleet, context: &str, events: i64) -> Result<f64> {
    let mut client = Client::new(fleet.address(context)?);
    let deadline = Instant::now() + CATCH_UP_TIMEOUT;
    let mut first = None;
    loop {
        let (applied, now) = (applied_events(&mut client).await?, Instant::now());
        let (before, since) = *first.get_or_insert((applied, now));
        if applied >= events {
            return Ok(number(applied - before) / (now - since).as_secs_f64());
        }
        if before == 0 && applied > 0 {
            first = Some((applied, now));
        }
        ensure!(now < deadline, "{context} has applied {applied} of {events} events after {CATCH_UP_TIMEOUT:?}");
        sleep(POLL_INTERVAL).await;
    }
}
