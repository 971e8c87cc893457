//! Hostile requests for each operation of the fleet.

use anyhow::{Result, ensure};
use cleanmall_tests::People;
use testkit::Fleet;

pub async fn no_request_fails_a_service_or_contradicts_the_document(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let sent = hostile::send_hostile_requests(&fleet.url("gateway")?, include_str!("../../openapi.json")).await?;
    ensure!(sent > 800, "only {sent} requests were sent");
    let ended = fleet.ended();
    ensure!(ended.is_empty(), "processes have ended: {ended:?}");
    People::of(fleet)?.assert_laws(fleet).await
}
