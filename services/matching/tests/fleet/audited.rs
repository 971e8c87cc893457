//! The auditor: a fleet that has worked is sound, and what is broken in it by hand is told.

use anyhow::{Result, ensure};
use audit::{Journal, Report};
use matching_audit::{Asked, CONTEXTS, Stores, Told, judge};
use matching_tests::{Audit, Forger, LATER, PRICE, People, SOON};
use payment_contract::{PaymentCanceled, PaymentEvent};
use testkit::{Answer, Fleet, each};
use tokio::task::spawn_blocking;

const MATCHES: i64 = 200;
/// Clients at the same time.
const CLIENTS: usize = 8;

/// What a client asked for and was told.
fn told(what: Asked, id: i64, answer: &Result<Answer>) -> Told {
    let price = (what == Asked::Request).then_some(PRICE);
    Told { at: None, what, id, price, status: answer.as_ref().ok().map(|answer| answer.status) }
}

/// Students and tutors ask side by side, so that some assignments meet a cancellation and some come before the payment.
async fn load(fleet: &Fleet) -> Result<Vec<Told>> {
    let people = People::of(fleet)?;
    let told = each(1..=MATCHES, CLIENTS, async |id| {
        let mut told = vec![told(Asked::Request, id, &people.request(id).await)];
        if id % 5 == 0 {
            told.push(self::told(Asked::Request, id, &people.request(id).await));
        }
        let (assign, cancel) = (people.assign(id), people.cancel(id));
        match id % 4 {
            0 => told.push(self::told(Asked::Assign, id, &assign.await)),
            1 => told.push(self::told(Asked::Cancel, id, &cancel.await)),
            2 => {
                let (assigned, canceled) = tokio::join!(assign, cancel);
                told.push(self::told(Asked::Assign, id, &assigned));
                told.push(self::told(Asked::Cancel, id, &canceled));
            }
            _ => {}
        }
        told
    });
    let told = told.await.into_iter().flatten().collect();
    Audit::decided(fleet, LATER).await?;
    fleet.settled(LATER).await?;
    Ok(told)
}

async fn audited(fleet: &Fleet, told: &[Told]) -> Result<Report> {
    let stores = Stores::read(&fleet.stores()?).await?;
    let broker = fleet.broker();
    let journal = spawn_blocking(move || Journal::read(&broker, &CONTEXTS)).await??;
    Ok(judge(&stores, &journal, Some(told)))
}

pub async fn a_fleet_is_sound_after_requests_assignments_and_cancellations(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let told = load(fleet).await?;
    let report = audited(fleet, &told).await?;
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

pub async fn what_is_broken_by_hand_is_told_with_its_history(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let told = load(fleet).await?;
    // 3 and 7 are neither assigned nor cancelled.
    fleet.alter("payment", "DELETE FROM payments WHERE match_id = 3").await?;
    let forged = PaymentEvent::PaymentCanceled(PaymentCanceled { match_id: 7, attempt: 1, price: PRICE });
    fleet.topics().say("payment", &[Forger::default().event(&forged)?]).await?;
    fleet.settled(SOON).await?;
    let report = audited(fleet, &told).await?;
    let mut broken: Vec<i64> = report.verdicts.iter().flat_map(|v| &v.violations).map(|v| v.case).collect();
    broken.sort_unstable();
    broken.dedup();
    assert_eq!(broken, [3, 7], "{report}");
    let text = report.to_string();
    for line in [
        "3: it is established at 50000, but its payment is not there",
        "7: payment has not said: paymentApproved of attempt 1, 50000",
    ] {
        ensure!(text.contains(line), "{line} is not told:\n{text}");
    }
    let history = report.histories[&3].join("\n");
    for part in ["was told 201", "PaymentApproved", "MatchRequested", "payment keeps nothing", "mypage keeps PageRow"] {
        ensure!(history.contains(part), "{part} is not in the history of 3:\n{history}");
    }
    Ok(())
}
