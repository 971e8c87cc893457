//! GETs of a match: through the gateway, and straight at the service.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::Value;
use tokio::time::Instant;

use crate::args::Effort;
use crate::figure::{Figure, Goal, median};
use crate::http::{Client, get, post};
use crate::running::Running;

/// Users at the same time, one connection each.
const USERS: u32 = 50;

/// Both ways in turn.
pub async fn measure(running: &Running, effort: &Effort) -> Result<Vec<Figure>> {
    let (gateway, service) = (running.address("gateway")?, running.address("match")?);
    let request = get(&format!("/matches/{}", some_match(gateway).await?));
    rate(service, &request, effort.lookups / 4).await?;
    rate(gateway, &request, effort.lookups / 4).await?;
    let (mut through, mut straight) = (Vec::new(), Vec::new());
    for pair in 1..=effort.pairs {
        eprintln!("lookups: pair {pair} of {}", effort.pairs);
        straight.push(rate(service, &request, effort.lookups).await?);
        through.push(rate(gateway, &request, effort.lookups).await?);
    }
    let figure = Figure::median("GET of a match through the gateway", through, "/s", Goal::ShareAtLeast(0.5));
    Ok(vec![figure.beside("GETs/s straight at the service", median(&straight))])
}

async fn some_match(gateway: SocketAddr) -> Result<i64> {
    let mut client = Client::new(gateway);
    let answer = client.ask(&post("/matches", "{\"price\":50000}")).await?;
    let body: Value = serde_json::from_slice(answer.body)?;
    body["id"].as_i64().context("a match without an id")
}

/// Answers per second to the same request, asked by all users.
pub async fn rate(address: SocketAddr, request: &[u8], how_long: Duration) -> Result<f64> {
    let done = AtomicU32::new(0);
    let began = Instant::now();
    let user = async || -> Result<()> {
        let mut client = Client::new(address);
        while began.elapsed() < how_long {
            let answer = client.ask(request).await?;
            ensure!(answer.status == 200, "a GET was answered {}", answer.status);
            done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    try_join_all((0..USERS).map(|_| user())).await?;
    Ok(f64::from(done.into_inner()) / began.elapsed().as_secs_f64())
}
