//! GETs of an item: through the gateway, and directly at the service.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::args::Effort;
use crate::cases::Cases;
use crate::declaration::{Case, with_id};
use crate::environment::Environment;
use crate::figure::{Figure, Goal, median};
use crate::http::{Client, get};
use crate::rate::rate;
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
    response_rate(service, &request, effort.lookups / 4).await?;
    response_rate(gateway, &request, effort.lookups / 4).await?;
    let (mut through_gateway, mut direct) = (Vec::new(), Vec::new());
    for pair in 1..=effort.pairs {
        eprintln!("lookups: pair {pair} of {}", effort.pairs);
        direct.push(response_rate(service, &request, effort.lookups).await?);
        through_gateway.push(response_rate(gateway, &request, effort.lookups).await?);
    }
    let name = format!("GET {} through the gateway", case.item.path);
    let figure = Figure::median(name, through_gateway, "/s", Goal::ShareAtLeast(0.5));
    Ok(vec![figure.beside("/s directly at the service", median(&direct))])
}

/// Responses per second to one request, which all clients repeat.
pub async fn response_rate(address: SocketAddr, request: &[u8], duration: Duration) -> Result<f64> {
    rate(
        CLIENTS,
        duration,
        || Client::new(address),
        async |client| {
            let response = client.send(request).await?;
            ensure!(response.status == 200, "a GET is answered {}", response.status);
            Ok(())
        },
    )
    .await
}
