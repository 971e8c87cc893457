//! Matches are accepted around the clock, also while visit is down.

use std::env;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use matching_tests::{People, request_all};
use testkit::Fleet;
use tokio::time::Instant;

/// How many matches are requested.
const MANY: &str = "FLOTILLA_TEST_MANY";

/// Far more than it takes: half of what the slowest machine would need.
const LIMIT: Duration = Duration::from_mins(10);

pub async fn visit_is_down_while_a_hundred_thousand_matches_are_requested_and_lists_each_once(
    fleet: &mut Fleet,
) -> Result<()> {
    let many: i64 = env::var(MANY).map_or(Ok(100_000), |many| many.parse()).context(MANY)?;
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    fleet.kill("visit").await?;
    let began = Instant::now();
    request_all(&people, 64, 1..=many).await?;
    let requested = began.elapsed();
    fleet.start("visit").await?;
    let began = Instant::now();
    fleet.settled(LIMIT).await?;
    let caught_up = began.elapsed();
    let listed = people.listed().await?;
    eprintln!("{many} requests ({MANY}) in {requested:.1?}; visit was back and had them all after {caught_up:.1?}");
    ensure!(i64::try_from(listed.len())? == many, "{} of {many} are listed", listed.len());
    ensure!(listed.keys().copied().eq(1..=many), "others are listed than were requested");
    Ok(())
}
