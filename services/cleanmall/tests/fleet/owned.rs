//! Roles and ownership, with authentication, also when the gateway is bypassed.

use anyhow::{Result, ensure};
use cleanmall_tests::{People, SOON, TEL};
use serde_json::json;
use testkit::{Fleet, eventually};

pub async fn a_customer_sees_and_cancels_its_own_and_an_operator_sees_all(fleet: &mut Fleet) -> Result<()> {
    fleet.require_identity()?;
    fleet.start_all().await?;
    let [operator, kim, lee] = [("operator", "olga"), ("customer", "kim"), ("customer", "lee")]
        .map(|(role, name)| fleet.gateway_as(role, name).map(People::with));
    let (operator, kim, lee) = (operator?, kim?, lee?);
    People::of(fleet)?.call(1, None).await?.must_be(401)?;
    operator.call(1, None).await?.must_be(403)?;
    kim.call(1, Some("seoul")).await?.must_be(201)?;
    lee.call(2, Some("busan")).await?.must_be(201)?;
    lee.call(1, Some("seoul")).await?.must_be(409)?;
    kim.becomes(1, "confirmed").await?;
    lee.api.get("/cleancalls/1").await?.must_be(404)?;
    lee.api.get("/cleanmanages/1").await?.must_be(404)?;
    lee.cancel(1).await?.must_be(404)?;
    operator.cancel(1).await?.must_be(403)?;
    ensure!(operator.api.get("/cleancalls/1").await?.must_be(200)?.body["tel"] == TEL, "operators see the number");
    ensure!(operator.api.get("/cleanmanages/1").await?.must_be(200)?.body["tel"] == "**********353", "it is masked");
    let of = async |people: &People, path: &str| Ok::<_, anyhow::Error>(people.all(path).await?.len());
    for path in ["/cleancalls", "/cleanmanages"] {
        assert_eq!((of(&kim, path).await?, of(&lee, path).await?, of(&operator, path).await?), (1, 1, 2), "{path}");
    }
    for path in ["/cleaners", "/cleanassigns"] {
        kim.api.get(path).await?.must_be(403)?;
    }
    kim.api.with("PUT".parse()?, "/cleanmanages/places", &json!({})).await?.must_be(403)?;
    kim.finish(1).await?.must_be(403)?;
    kim.api.post("/cleaners", &json!({ "name": "Choi" })).await?.must_be(403)?;
    operator.api.post("/cleaners", &json!({ "name": "Choi", "location": "seoul" })).await?.must_be(201)?;
    eventually(SOON, "each customer has the messages about their own call", async || {
        let (kim, lee, all) =
            (of(&kim, "/messages").await?, of(&lee, "/messages").await?, of(&operator, "/messages").await?);
        ensure!(kim >= 3 && lee >= 3 && all == kim + lee, "{kim}, {lee}, {all}");
        ensure!(lee > 0, "there are messages");
        Ok(())
    })
    .await?;
    ensure!(lee.messages(1).await?.is_empty(), "the messages of others are not shown");
    // Around the gateway: a token of a client is none of the gateway's.
    let token = fleet.token("operator", "olga")?;
    for (context, path) in [
        ("cleancall", "/cleancalls"),
        ("cleanmanage", "/cleanmanages"),
        ("cleanassign", "/cleaners"),
        ("customer", "/messages"),
    ] {
        let around = fleet.api(context)?;
        around.get(path).await?.must_be_problem(401, "")?;
        around.with_token(&token)?.get(path).await?.must_be_problem(401, "")?;
        around.with_header("x-flotilla-pass", &token)?.get(path).await?.must_be_problem(401, "")?;
        fleet.api_as(context, "operator", "olga")?.get(path).await?.must_be(200)?;
    }
    let accept = json!({ "callId": 9, "attempt": 1 });
    fleet.api_as("cleanmanage", "operator", "olga")?.post("/acceptances", &accept).await?.must_be_problem(403, "")?;
    kim.cancel(1).await?.must_be(204)?;
    operator.shows("/cleanmanages/1", &[("status", "canceled")]).await?;
    kim.assert_laws(fleet).await
}

pub async fn the_telephone_number_is_in_no_log_and_no_event(fleet: &mut Fleet) -> Result<()> {
    for context in ["cleancall", "cleanmanage", "cleanassign", "customer"] {
        fleet.set(context, "LOG", "debug")?;
    }
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    people.call(1, Some("seoul")).await?.must_be(201)?;
    people.becomes(1, "confirmed").await?;
    people.api.post("/cleancalls", &json!({ "id": 2, "tel": format!("{TEL}x") })).await?.must_be(422)?;
    fleet.settled(SOON).await?;
    for process in ["gateway", "cleancall", "cleanmanage", "cleanassign", "customer"] {
        ensure!(!fleet.log(process)?.contains(TEL), "the log of {process} has the number");
    }
    for context in ["cleancall", "cleanmanage", "cleanassign"] {
        for event in fleet.topics().events(context).await? {
            ensure!(!event.data.contains("1353"), "{event:?}");
        }
    }
    Ok(())
}
