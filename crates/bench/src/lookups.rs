//! GETs of an item: through the gateway, and directly at the service.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use tokio::time::Instant;

use crate::args::Effort;
use crate::cases::Cases;
use crate::declaration::{Case, with_id};
use crate::environment::Environment;
use crate::figure::{Figure, Goal, median};
use crate::http::{Client, get};
use crate::running_fleet::RunningFleet;

/// Concurrent clients, one connection each.
const CLIENTS: u32 = 50;

/// Both alternately.
pub async fn measure(
    environment: &Environment,
    case: &Case,
    fleet: &RunningFleet,
    effort: &Effort,
) -> Result<Vec<Figure>> {
    let (gateway, service) = (fleet.address("gateway")?, fleet.address(&case.item.context)?);
    let established = Cases::new(case, &environment.ids).establish(&mut Client::new(gateway)).await?;
    let request = get(&with_id(&case.item.path, established.id));
    rate(service, &request, effort.lookups / 4).await?;
    rate(gateway, &request, effort.lookups / 4).await?;
    let (mut through_gateway, mut direct) = (Vec::new(), Vec::new());
    for pair in 1..=effort.pairs {
        eprintln!("lookups: pair {pair} of {}", effort.pairs);
        direct.push(rate(service, &request, effort.lookups).await?);
        through_gateway.push(rate(gateway, &request, effort.lookups).await?);
    }
    let name = format!("GET {} through the gateway", case.item.path);
    let figure = Figure::median(name, through_gateway, "/s", Goal::ShareAtLeast(0.5));
    Ok(vec![figure.beside("/s directly at the service", median(&direct))])
}

/// Responses per second to one request, which all clients repeat.
pub async fn rate(address: SocketAddr, request: &[u8], duration: Duration) -> Result<f64> {
    let responses = AtomicU32::new(0);
    let began = Instant::now();
    let repeat = async || -> Result<()> {
        let mut client = Client::new(address);
        while began.elapsed() < duration {
            let response = client.send(request).await?;
            ensure!(response.status == 200, "a GET is answered {}", response.status);
            responses.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    try_join_all((0..CLIENTS).map(|_| repeat())).await?;
    Ok(f64::from(responses.into_inner()) / began.elapsed().as_secs_f64())
}
