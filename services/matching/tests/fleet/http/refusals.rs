//! What is refused, and what the refusal says.

use anyhow::{Result, ensure};
use matching_tests::{People, SOON};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Fleet, Simulator, eventually};

pub async fn what_cannot_be_a_match_is_refused_and_the_field_is_named(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let api = fleet.gateway()?;
    let wrong = |field: &str, value: Value| {
        let mut body = json!({ "id": 5000, "price": 50_000 });
        body[field] = value;
        (field.to_owned(), body)
    };
    let beyond = 9_007_199_254_740_992_i64;
    let mut cases = vec![("price".to_owned(), json!({ "id": 5000 }))];
    for field in ["price", "id"] {
        let values =
            [json!(0), json!(-1), json!(1.5), json!(beyond), json!("abc"), json!("1.5"), json!(""), json!([1])];
        cases.extend(values.into_iter().map(|value| wrong(field, value)));
    }
    cases.extend([json!(true), json!({}), json!(1e300), json!(null)].map(|value| wrong("price", value)));
    cases.extend([json!("matchCanceled"), json!(""), json!(5)].map(|value| wrong("status", value)));
    for (field, body) in cases {
        let answer = api.post("/matches", &body).await?.must_be_problem(422, &field)?;
        assert_eq!(answer.body["errors"][0]["pointer"], format!("#/{field}"), "{body}");
    }
    api.get("/matches/5000").await?.must_be_problem(404, "5000")?;
    Ok(())
}

pub async fn a_body_that_cannot_be_read_is_refused_each_in_its_own_way(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let api = fleet.gateway()?;
    let json = Some("application/json");
    let large = format!(r#"{{"id":5000,"price":1,"x":"{}"}}"#, "x".repeat(65_536));
    let cases = [
        (400, json, "{", "JSON"),
        (400, json, "", "JSON"),
        (422, json, "[]", "object"),
        (415, None, r#"{"id":5000,"price":1}"#, "Content-Type"),
        (415, Some("application/x-www-form-urlencoded"), r#"{"id":5000,"price":1}"#, "Content-Type"),
        (413, json, large.as_str(), "65536"),
    ];
    for (status, kind, body, word) in cases {
        for (method, path) in [(Method::POST, "/matches"), (Method::PATCH, "/matches/5000"), (Method::POST, "/visits")]
        {
            let request = api.request(method, path).body(body.to_owned());
            let request = kind.iter().fold(request, |request, kind| request.header("content-type", *kind));
            api.send(request).await?.must_be_problem(status, word)?;
        }
    }
    api.get("/matches/5000").await?.must_be_problem(404, "5000")?;
    Ok(())
}

pub async fn without_a_payment_there_is_no_match(fleet: &mut Fleet) -> Result<()> {
    let provider = Simulator::of(fleet, "payment")?;
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    provider.becomes(fleet, &json!({ "declineRate": 1 })).await?;
    people.request(5000).await?.must_be_problem(402, "declines")?;
    assert_eq!(people.match_status(5000).await?, "none");
    assert_eq!(people.payment_action(5000).await?, "none");
    provider.becomes(fleet, &json!({ "failureRate": 1 })).await?;
    let answer = people.request(5001).await?.must_be_problem(503, "paid back")?;
    ensure!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()), "{:?}", answer.headers);
    assert_eq!(people.match_status(5001).await?, "none");
    provider.approves_at_once(fleet).await?;
    // Both ids are free again: one at once, the other as soon as its first attempt is undone.
    people.request(5000).await?.must_be(201)?;
    eventually(SOON, "5001 can be requested again", async || people.request(5001).await?.must_be(201)).await?;
    Ok(())
}

pub async fn views_can_only_be_read_and_inner_paths_lead_nowhere(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let api = fleet.gateway()?;
    People::of(fleet)?.request(5000).await?.must_be(201)?;
    for path in ["/payments", "/payments/5000", "/myPages", "/myPages/5000", "/visitReqLists", "/visitReqLists/5000"] {
        for method in [Method::POST, Method::PATCH, Method::PUT, Method::DELETE] {
            let forged = json!({ "id": 5000, "matchId": 5000, "price": 1, "attempt": 1, "paymentAction": "Canceled" });
            let answer = api.with(method, path, &forged).await?.must_be_problem(405, "")?;
            ensure!(answer.header("allow").is_some_and(|allow| allow.contains("GET")), "{path}: {:?}", answer.headers);
        }
    }
    let bill = json!({ "matchId": 6000, "attempt": 1, "price": 1 });
    for path in ["/approvals", "/cancellations", "/messaging/rebuild", "/payments/../approvals"] {
        let answer = api.post(path, &bill).await?;
        ensure!(matches!(answer.status, 400 | 404), "{path} answered {}", answer.status);
    }
    // The gateway answers /livez, /readyz and /metrics itself: those of the services are not reached.
    for path in ["/messaging", "/approvals", "/matches/5000/nothing", "/payment/metrics", "/", "/match/matches"] {
        api.get(path).await?.must_be_problem(404, "")?;
    }
    let metrics = fleet.metric("gateway", "outbox_depth", &[]).await?;
    ensure!(metrics.abs() < f64::EPSILON, "the gateway shows what a service measures");
    assert_eq!(People::of(fleet)?.payment_action(6000).await?, "none");
    assert_eq!(People::of(fleet)?.payment_action(5000).await?, "Approved");
    Ok(())
}
