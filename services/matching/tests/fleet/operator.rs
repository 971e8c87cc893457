//! What an operator types: `flotilla status`, `events`, `redrive`, `rebuild`.

use anyhow::{Context as _, Result, ensure};
use flotilla::rebuild::{RebuildArgs, rebuild};
use flotilla::redrive::{RedriveArgs, redrive};
use flotilla::status::{StatusArgs, status};
use flotilla::stop::Stop;
use flotilla::tail::{TailArgs, tail};
use matching_tests::{PRICE, People, SOON, request_all};
use payment_contract::{PaymentApproved, PaymentEvent};
use serde_json::Value;
use testkit::{CapturedOutput, Fleet, Forger, Parts, eventually};

/// What `flotilla status --json` tells of a process, and whether it found all of them ready.
async fn seen(fleet: &Fleet, name: &str) -> Result<(Value, bool)> {
    let lines = CapturedOutput::default();
    let ready = status(&fleet.operator::<StatusArgs>(&["--json"])?, &lines.screen()).await?;
    let told = lines.json()?.pop().context("nothing is told")?;
    let processes = told["processes"].as_array().cloned().unwrap_or_default();
    let found = processes.into_iter().find(|process| process["name"] == name);
    Ok((found.with_context(|| format!("nothing is told of {name}"))?, ready))
}

pub async fn status_shows_each_process_and_what_is_wrong_with_it(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    request_all(&People::of(fleet)?, 4, 1..=20).await?;
    fleet.settled(SOON).await?;
    for name in ["match", "payment", "visit", "mypage"] {
        let (told, ready) = seen(fleet, name).await?;
        assert!(ready, "{told}");
        assert_eq!((&told["state"], &told["deadLetters"]), (&"ready".into(), &0.into()), "{told}");
        let messaging = &told["messaging"];
        assert_eq!((&messaging["outboxDepth"], &messaging["consumer"]["lag"]), (&0.into(), &0.into()), "{told}");
    }
    // What visit does not read stays behind it, and what payment does not say is not known.
    fleet.pause("visit")?;
    fleet.kill("payment").await?;
    let lines = CapturedOutput::default();
    let ready = status(&fleet.operator::<StatusArgs>(&[])?, &lines.screen()).await?;
    fleet.resume("visit")?;
    assert!(!ready);
    let text = lines.text();
    let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert!(line("payment").contains("down") && line("payment").contains("nobody answers there"), "{text}");
    assert!(line("visit").contains("down") && line("visit").contains("no answer within"), "{text}");
    assert!(line("gateway").contains("ready") && line("match").contains("ready"), "{text}");
    Ok(())
}

pub async fn the_events_of_one_match_are_shown_in_their_order(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    request_all(&people, 4, 5000..=5010).await?;
    eventually(SOON, "a tutor finds it", async || people.assign(5000).await?.must_be(201)).await?;
    people.cancel(5000).await?.must_be(200)?;
    eventually(SOON, "it is over", async || {
        let status = people.match_status(5000).await?;
        ensure!(status == "visitCanceled", "{status}");
        Ok(())
    })
    .await?;
    fleet.settled(SOON).await?;
    let typed = ["--from-beginning", "--no-follow", "--json", "--id", "5000"];
    let (lines, errors) = (CapturedOutput::default(), CapturedOutput::default());
    tail(&fleet.operator::<TailArgs>(&typed)?, &lines.screen(), &errors.screen(), &Stop::default()).await?;
    let told = lines.json()?;
    assert!(told.iter().all(|event| event["subject"] == "5000"), "{told:?}");
    let kinds: Vec<&str> = told.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(kinds.len(), 6, "{kinds:?}");
    for (first, then) in [
        ("PaymentApproved", "VisitAssigned"),
        ("MatchRequested", "VisitAssigned"),
        ("VisitAssigned", "MatchCanceled"),
        ("MatchCanceled", "PaymentCanceled"),
        ("MatchCanceled", "VisitCanceled"),
    ] {
        let at = |kind| kinds.iter().position(|found| *found == kind);
        assert!(at(first).is_some() && at(first) < at(then), "{first} is not before {then}: {kinds:?}");
    }
    assert_eq!(errors.text(), "");
    Ok(())
}

/// Has the store of mypage refuse the page of match 7000, or take it again.
async fn refuse(fleet: &Fleet, refused: bool) -> Result<()> {
    let sql = match (fleet.parts(), refused) {
        (Parts::Embedded, true) => {
            "CREATE TRIGGER refusal BEFORE INSERT ON my_pages WHEN NEW.id = 7000 BEGIN SELECT RAISE(ABORT, 'refused'); END"
        }
        (Parts::Embedded, false) => "DROP TRIGGER refusal",
        (Parts::Servers(_), true) => "ALTER TABLE my_pages ADD CONSTRAINT refusal CHECK (id <> 7000)",
        (Parts::Servers(_), false) => "ALTER TABLE my_pages DROP CONSTRAINT refusal",
    };
    fleet.alter("mypage", sql).await
}

pub async fn a_dead_letter_is_listed_and_sent_again_until_it_is_handled(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    refuse(fleet, true).await?;
    let event = PaymentEvent::PaymentApproved(PaymentApproved { match_id: 7000, attempt: 1, price: PRICE });
    fleet.topics().say("payment", &[Forger::default().event(&event)?]).await?;
    eventually(SOON, "there is a dead letter", async || {
        let (told, _) = seen(fleet, "mypage").await?;
        ensure!(told["deadLetters"] == 1, "{told}");
        Ok(())
    })
    .await?;

    let again = async |typed: &[&str]| {
        let lines = CapturedOutput::default();
        let done = redrive(&fleet.operator::<RedriveArgs>(typed)?, &lines.screen()).await?;
        anyhow::Ok((done, lines.json()?))
    };
    let (_, listed) = again(&["--json"]).await?;
    assert_eq!((listed.len(), &listed[0]["context"], &listed[0]["attempts"]), (1, &"mypage".into(), &1.into()));
    let (handled, told) = again(&["--all", "--json"]).await?;
    assert!(!handled, "{told:?}");
    assert_eq!(told[0]["outcome"], "dead-again", "{told:?}");
    refuse(fleet, false).await?;
    let (_, listed) = again(&["--json"]).await?;
    let place = &listed[0]["place"];
    let letter = format!("{}/{}/{}", place["topic"].as_str().unwrap_or_default(), place["partition"], place["offset"]);
    let (handled, told) = again(&["--letter", &letter, "--json"]).await?;
    assert!(handled, "{told:?}");
    assert_eq!((told.len(), &told[0]["outcome"]), (1, &"handled".into()), "{told:?}");
    assert_eq!(again(&["--json"]).await?.1, Vec::<Value>::new());
    let people = People::of(fleet)?;
    assert_eq!(people.page_status(7000).await?, "paymentApproved");
    // It was sent again for mypage alone: visit has heard it once.
    let count = async |outcome| fleet.metric("visit", "consumer_events_total", &[("outcome", outcome)]).await;
    assert_eq!((count("applied").await?, count("repeated").await?), (1.0, 0.0));
    Ok(())
}

pub async fn a_view_is_rebuilt_with_progress_and_what_is_no_view_is_not(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    request_all(&people, 8, 1..=200).await?;
    fleet.settled(SOON).await?;
    let before = people.all("/myPages", "myPages").await?;
    let lines = CapturedOutput::default();
    rebuild(&fleet.operator::<RebuildArgs>(&["mypage"])?, &lines.screen()).await?;
    let text = lines.text();
    let last = text.lines().last().unwrap_or_default();
    assert!(last.starts_with("100 %  400 of 400 events") && last.contains("rebuilt in"), "{text}");
    assert_eq!(people.all("/myPages", "myPages").await?, before);
    let refused = rebuild(&fleet.operator::<RebuildArgs>(&["visit"])?, &lines.screen()).await;
    let refused = refused.err().context("visit was rebuilt")?.to_string();
    assert!(refused.contains("visit is not rebuilt") && refused.contains("no view"), "{refused}");
    Ok(())
}
