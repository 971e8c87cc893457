//! The auditor on real processes: a fleet under load is sound, and a manipulated one is not.

use anyhow::{Result, ensure};
use audit::Operation;
use matching_proof::{ASSIGN, CANCEL, FLEET, REQUEST};
use matching_tests::{LATER, PRICE, People, SOON};
use payment_contract::{PaymentCanceled, PaymentEvent};
use testkit::{ApiResponse, Fleet, Forger, each};

const MATCHES: i64 = 200;
/// Clients at the same time.
const CLIENTS: usize = 8;

/// An operation with its response.
fn operation(name: &str, id: i64, answer: &Result<ApiResponse>) -> Operation {
    let operation = Operation::new(name, id, answer.as_ref().ok().map(|answer| answer.status));
    if name == REQUEST { operation.with("price", PRICE) } else { operation }
}

/// Students and tutors work side by side, so that some assignments meet a cancellation and some precede the payment.
async fn load(fleet: &Fleet) -> Result<Vec<Operation>> {
    let people = People::of(fleet)?;
    let operations = each(1..=MATCHES, CLIENTS, async |id| {
        let mut operations = vec![operation(REQUEST, id, &people.request(id).await)];
        if id % 5 == 0 {
            operations.push(operation(REQUEST, id, &people.request(id).await));
        }
        let (assign, cancel) = (people.assign(id), people.cancel(id));
        match id % 4 {
            0 => operations.push(operation(ASSIGN, id, &assign.await)),
            1 => operations.push(operation(CANCEL, id, &cancel.await)),
            2 => {
                let (assigned, canceled) = tokio::join!(assign, cancel);
                operations.push(operation(ASSIGN, id, &assigned));
                operations.push(operation(CANCEL, id, &canceled));
            }
            _ => {}
        }
        operations
    });
    let operations = operations.await.into_iter().flatten().collect();
    fleet.decided(&FLEET, LATER).await?;
    fleet.settled(LATER).await?;
    Ok(operations)
}

pub async fn a_fleet_is_sound_after_requests_assignments_and_cancellations(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let operations = load(fleet).await?;
    let report = fleet.audit(&FLEET, &operations).await?;
    ensure!(report.holds(), "{report}");
    let looked_at = |part: &str| {
        let verdict = report.verdicts.iter().find(|verdict| verdict.law.contains(part));
        verdict.map(|verdict| verdict.looked_at)
    };
    let matches = usize::try_from(MATCHES)?;
    assert_eq!(looked_at("every page"), Some(matches), "{report}");
    assert_eq!(looked_at("answered 201 or 200"), Some(matches), "{report}");
    assert!(looked_at("a cancelled match") >= Some(matches / 4), "{report}");
    Ok(())
}

pub async fn a_manipulated_store_and_a_forged_event_are_reported_with_their_history(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let operations = load(fleet).await?;
    // 3 and 7 are neither assigned nor cancelled.
    fleet.alter("payment", "DELETE FROM payments WHERE match_id = 3").await?;
    let forged = PaymentEvent::PaymentCanceled(PaymentCanceled { match_id: 7, attempt: 1, price: PRICE });
    fleet.topics().say("payment", &[Forger::default().event(&forged)?]).await?;
    fleet.settled(SOON).await?;
    let report = fleet.audit(&FLEET, &operations).await?;
    let mut broken: Vec<i64> = report.verdicts.iter().flat_map(|v| &v.violations).map(|v| v.case).collect();
    broken.sort_unstable();
    broken.dedup();
    assert_eq!(broken, [3, 7], "{report}");
    let text = report.to_string();
    for line in
        ["but its payment is missing", "7: the topic of payment lacks PaymentApproved attempt=1 matchId=7 price=50000"]
    {
        ensure!(text.contains(line), "{line} is missing:\n{text}");
    }
    let history = report.histories[&3].join("\n");
    for part in
        ["request 3 price=50000: response 201", "PaymentApproved", "MatchRequested", "payments: no row", "my_pages: "]
    {
        ensure!(history.contains(part), "{part} is not in the history of 3:\n{history}");
    }
    Ok(())
}
