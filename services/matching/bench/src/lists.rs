//! A page at the end of a long list beside one at its beginning.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use store::Store;

use crate::args::Effort;
use crate::figure::{Figure, Goal, median};
use crate::http::{Client, get};
use crate::lookups::rate;
use crate::running::Running;
use crate::site::Site;
use crate::triples::settings;

/// Visit requests on one page, as many as there can be.
const SIZE: i64 = 100;

/// The list of visit requests, of which all are open.
pub async fn measure(site: &Site, effort: &Effort) -> Result<Vec<Figure>> {
    eprintln!("lists: {} visit requests", effort.listed);
    let plan = site.plan(&site.fleet("lists"))?;
    fill(site, &plan.fleet, effort.listed).await?;
    let running = Running::start_one(site, &plan, "visit").await?;
    let visit = running.address("visit")?;
    let first = get(&format!("/visitReqLists?size={SIZE}"));
    let last = get(&last_page(Client::new(visit), effort.listed).await?);
    let (mut at_end, mut at_beginning) = (Vec::new(), Vec::new());
    rate(visit, &first, effort.lookups / 4).await?;
    for _ in 0..effort.pairs {
        at_beginning.push(rate(visit, &first, effort.lookups).await?);
        at_end.push(rate(visit, &last, effort.lookups).await?);
    }
    running.stop().await;
    let what = format!("pages of {SIZE} of a list, at the end of {}", effort.listed);
    let figure = Figure::median(what, at_end, "/s", Goal::ShareAtLeast(0.8));
    Ok(vec![figure.beside("pages/s at its beginning", median(&at_beginning))])
}

async fn fill(site: &Site, fleet: &str, requests: i64) -> Result<()> {
    let url = site.database(fleet, "visit").await?;
    Store::open(
        &settings(&["--store-url", &url])?,
        &[messaging::MIGRATIONS, <visit_service::Visits as context::Context>::MIGRATIONS],
    )
    .await?;
    let mut connection = PgConnection::connect(&url).await?;
    let sql = "INSERT INTO cases (match_id, attempt, price, paid_since, is_open) \
               SELECT id, 1, 50000, id, 1 FROM generate_series(1, $1) AS id";
    sqlx::query(sql).bind(requests).execute(&mut connection).await?;
    sqlx::raw_sql("ANALYZE cases").execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// Walks to the last page, as a client would.
async fn last_page(mut visit: Client, requests: i64) -> Result<String> {
    let mut path = format!("/visitReqLists?size={SIZE}");
    for _ in 0..requests / SIZE {
        let answer = visit.ask(&get(&path)).await?;
        ensure!(answer.status == 200, "{path} was answered {}", answer.status);
        let page: Value = serde_json::from_slice(answer.body)?;
        match page["_links"]["next"]["href"].as_str() {
            Some(next) => next.clone_into(&mut path),
            None => break,
        }
    }
    let answer = visit.ask(&get(&path)).await?;
    let page: Value = serde_json::from_slice(answer.body)?;
    let last = page["_embedded"]["visitReqLists"].as_array().and_then(|items| items.last()).context("an empty page")?;
    ensure!(last["id"] == requests, "the last page ends with {}", last["id"]);
    Ok(path)
}
