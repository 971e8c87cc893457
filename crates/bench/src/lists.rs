//! The last page of a long list beside the first.

use std::slice;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::args::Effort;
use crate::declaration::LongList;
use crate::environment::Environment;
use crate::figure::{Figure, Goal, median};
use crate::http::{Client, get};
use crate::lookups::response_rate;
use crate::running_fleet::{RunningFleet, fill_store};

/// Items on a page, the maximum.
const SIZE: i64 = 100;

/// The pages of the list.
pub async fn measure(environment: &Environment, declared: &LongList, effort: &Effort) -> Result<Vec<Figure>> {
    eprintln!("lists: {} items", effort.listed);
    let plan = environment.plan("lists")?;
    fill_store(environment, &plan, &declared.context, slice::from_ref(&declared.fill), effort.listed).await?;
    let fleet = RunningFleet::start_some(environment, &plan, |name| name == declared.context).await?;
    let service = fleet.address(&declared.context)?;
    let path = format!("{}?size={SIZE}", declared.path);
    let last = last_page(Client::new(service), path.clone(), effort.listed).await?;
    let (first, last) = (get(&path), get(&last));
    let (mut at_end, mut at_beginning) = (Vec::new(), Vec::new());
    response_rate(service, &first, effort.lookups / 4).await?;
    for _ in 0..effort.pairs {
        at_beginning.push(response_rate(service, &first, effort.lookups).await?);
        at_end.push(response_rate(service, &last, effort.lookups).await?);
    }
    fleet.stop().await;
    let name = format!("pages of {SIZE} of {}, at the end of {}", declared.path, effort.listed);
    let figure = Figure::median(name, at_end, "/s", Goal::ShareAtLeast(0.8));
    Ok(vec![figure.beside("/s at its beginning", median(&at_beginning))])
}

/// Follows the links to the last page, as a client does. Returns its path.
async fn last_page(mut client: Client, first: String, items: i64) -> Result<String> {
    let mut path = first;
    loop {
        let page = page(&mut client, &path).await?;
        if let Some(next) = page["_links"]["next"]["href"].as_str() {
            next.clone_into(&mut path);
            continue;
        }
        let mut lists = page["_embedded"].as_object().into_iter().flatten();
        let last = lists.find_map(|(_, items)| items.as_array()?.last()).context("an empty page")?;
        ensure!(last["id"] == items, "the last page ends with {}", last["id"]);
        return Ok(path);
    }
}

async fn page(client: &mut Client, path: &str) -> Result<Value> {
    let response = client.send(&get(path)).await?;
    ensure!(response.status == 200, "{path} is answered {}", response.status);
    Ok(serde_json::from_slice(response.body)?)
}
