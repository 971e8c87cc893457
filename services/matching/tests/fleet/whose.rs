//! A fleet that asks who asks: what is whose, from the token at the gateway to the row in a store.

use anyhow::{Context as _, Result, ensure};
use matching_tests::{LATER, People, SOON};
use serde_json::{Value, json};
use testkit::{Api, Fleet, eventually};

const PROCESSES: [&str; 5] = ["gateway", "match", "visit", "payment", "mypage"];

fn people(fleet: &Fleet, role: &str, name: &str) -> Result<People> {
    Ok(People { api: fleet.gateway_as(role, name)? })
}

async fn statuses(api: &Api, paths: &[&str]) -> Result<Vec<u16>> {
    let mut statuses = Vec::new();
    for path in paths {
        statuses.push(api.get(path).await?.status);
    }
    Ok(statuses)
}

pub async fn a_match_is_its_students_a_visit_its_tutors_and_an_operator_sees_all(fleet: &mut Fleet) -> Result<()> {
    fleet.require_identity()?;
    fleet.start_all().await?;
    let (kim, ada) = (people(fleet, "student", "kim")?, people(fleet, "student", "ada")?);
    let (lee, max) = (people(fleet, "tutor", "lee")?, people(fleet, "tutor", "max")?);
    let olga = people(fleet, "operator", "olga")?;

    kim.request(5000).await?.must_be(201)?;
    kim.request(5000).await?.must_be(200)?;
    ada.request(5000).await?.must_be_problem(409, "id")?;
    ada.request(5001).await?.must_be(201)?;
    for other in [&lee, &olga] {
        other.request(5002).await?.must_be(403)?;
    }
    eventually(SOON, "the tutor sees the requests, the students their pages", async || {
        ensure!(lee.listed().await?.len() == 2, "not all are listed");
        ensure!(kim.page_status(5000).await? == "paymentApproved", "kim's page");
        ensure!(ada.page_status(5001).await? == "paymentApproved", "ada's page");
        Ok(())
    })
    .await?;
    lee.assign(5000).await?.must_be(201)?;
    ada.assign(5001).await?.must_be(403)?;

    let paths = ["/matches/5000", "/myPages/5000", "/visits/5000", "/payments/5000", "/visitReqLists"];
    for (who, expected) in [
        (&kim, [200, 200, 403, 403, 403]),
        (&ada, [404, 404, 403, 403, 403]),
        (&lee, [403, 403, 200, 403, 200]),
        (&max, [403, 403, 404, 403, 200]),
        (&olga, [200, 200, 200, 200, 200]),
    ] {
        assert_eq!(statuses(&who.api, &paths).await?, expected);
    }
    let ids = async |who: &People, path, rel| who.all(path, rel).await.map(|all| all.into_keys().collect::<Vec<_>>());
    assert_eq!(ids(&kim, "/matches", "matches").await?, [5000]);
    assert_eq!(ids(&ada, "/myPages", "myPages").await?, [5001]);
    assert_eq!(ids(&max, "/visits", "visits").await?, [0; 0]);
    assert_eq!(ids(&olga, "/matches", "matches").await?, [5000, 5001]);

    let mut live = kim.api.follow("/myPages/5000/events", None).await?;
    live.next(SOON).await?.context("kim's stream says nothing")?;
    ensure!(ada.api.follow("/myPages/5000/events", None).await.is_err(), "ada follows kim's page");

    ada.cancel(5000).await?.must_be(404)?;
    olga.cancel(5000).await?.must_be(403)?;
    kim.cancel(5000).await?.must_be(200)?;
    eventually(SOON, "kim is paid back", async || {
        ensure!(kim.page_status(5000).await? == "visitCanceled", "{}", kim.page_status(5000).await?);
        ensure!(olga.payment_action(5000).await? == "Canceled", "the payment stands");
        Ok(())
    })
    .await?;
    fleet.settled(LATER).await
}

pub async fn who_reaches_a_service_past_the_gateway_finds_it_closed(fleet: &mut Fleet) -> Result<()> {
    fleet.require_identity()?;
    fleet.start_all().await?;
    people(fleet, "student", "kim")?.request(1).await?.must_be(201)?;
    let bill = json!({ "matchId": 2, "attempt": 1, "price": 1 });
    for (service, path) in [
        ("match", "/matches/1"),
        ("visit", "/visits"),
        ("payment", "/payments"),
        ("mypage", "/myPages"),
        ("match", "/messaging"),
    ] {
        let direct = fleet.api(service)?;
        direct.get(path).await?.must_be(401)?;
        // A token of the provider is none here, and a pass that somebody writes himself is none anywhere.
        direct.with_token(&fleet.token("operator", "olga")?)?.get(path).await?.must_be(401)?;
        direct.with_header("x-flotilla-pass", "kim")?.get(path).await?.must_be(401)?;
        let forged = fleet.token("operator", "olga")?;
        direct.with_header("x-flotilla-pass", &forged)?.get(path).await?.must_be(401)?;
        // /messaging has no route there; nothing else is open to a pass alone.
        let outside = if path == "/messaging" { 404 } else { 401 };
        fleet.gateway()?.with_header("x-flotilla-pass", &forged)?.get(path).await?.must_be(outside)?;
    }
    let payment = fleet.api("payment")?;
    payment.post("/approvals", &bill).await?.must_be(401)?;
    payment.post("/cancellations", &bill).await?.must_be(401)?;
    for role in ["student", "tutor", "operator"] {
        let person = fleet.api_as("payment", role, "kim")?;
        person.post("/approvals", &bill).await?.must_be(403)?;
        person.post("/cancellations", &bill).await?.must_be(403)?;
    }
    fleet.api_as("match", "student", "kim")?.get("/messaging").await?.must_be(403)?;
    assert_eq!(fleet.api("match")?.get("/readyz").await?.status, 200);
    let paid = fleet.api_as("payment", "operator", "olga")?.get("/payments/2").await?;
    assert_eq!(paid.status, 404, "nothing was paid by any of this");
    Ok(())
}

pub async fn no_token_no_pass_and_no_key_is_in_a_log_an_argument_or_an_answer(fleet: &mut Fleet) -> Result<()> {
    fleet.require_identity()?;
    for process in PROCESSES {
        fleet.set(process, "LOG", "debug")?;
    }
    fleet.start_all().await?;
    let token = fleet.token("student", "kim")?;
    let kim = People { api: fleet.gateway()?.with_token(&token)? };
    kim.request(1).await?.must_be(201)?;
    let mut answers = vec![kim.api.get("/matches/1").await?.body, kim.api.get("/payments").await?.body];
    // What goes wrong is told in more words than what goes well.
    let broken = format!("{token}x");
    answers.push(fleet.gateway()?.with_token(&broken)?.get("/matches/1").await?.must_be(401)?.body);
    answers
        .push(fleet.api("match")?.with_header("x-flotilla-pass", &token)?.get("/matches/1").await?.must_be(401)?.body);
    fleet.kill("payment").await?;
    answers.push(kim.request(2).await?.must_be(503)?.body);
    fleet.start("payment").await?;
    fleet.settled(LATER).await?;

    let signature = token.rsplit('.').next().context("a signature")?;
    let mut secrets = vec![signature.to_owned()];
    for file in std::fs::read_dir(fleet.path("identity"))? {
        let text = std::fs::read_to_string(file?.path())?;
        secrets.extend(
            text.lines()
                .filter(|_| text.contains("PRIVATE KEY"))
                .filter(|line| !line.starts_with('-'))
                .map(str::to_owned),
        );
    }
    ensure!(secrets.len() >= 4, "the keys were not found: {}", secrets.len());
    let told = |text: &str| secrets.iter().any(|secret| text.contains(secret.as_str()));
    for process in PROCESSES {
        let log = fleet.log(process)?;
        ensure!(log.contains("DEBUG"), "{process} says nothing");
        ensure!(!told(&log), "a secret is in the log of {process}");
        // Every pass and every token has this beginning: {"typ":"JWT"… and {"alg":"EdDSA"…
        ensure!(!log.contains("eyJ0eXAiOiJKV1Qi") && !log.contains("eyJhbGciOi"), "a token is in the log of {process}");
        ensure!(!told(&fleet.arguments(process)?), "a secret is among the arguments of {process}");
    }
    ensure!(!told(&Value::from(answers).to_string()), "a secret is in an answer");
    Ok(())
}
