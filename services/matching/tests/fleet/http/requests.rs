//! Matches: requested, shown, cancelled.

use anyhow::{Result, ensure};
use matching_tests::{PRICE, People, SOON};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Fleet, eventually};

/// The resource as it must be answered.
fn resource(id: i64, price: i64, status: &str) -> Value {
    let this = json!({ "href": format!("/matches/{id}") });
    let links = match status {
        "matchRequested" => json!({ "self": this, "cancel": this }),
        _ => json!({ "self": this }),
    };
    json!({ "id": id, "price": price, "status": status, "_links": links })
}

pub async fn a_match_is_requested_paid_and_shown_in_every_form_that_the_table_allows(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let api = fleet.gateway()?;
    let forms = [
        (5000, json!({ "id": 5000, "price": 50_000, "status": "matchRequest" })),
        (5001, json!({ "id": "5001", "price": "50000" })),
        (5002, json!({ "id": 5002.0, "price": 5e4, "status": null })),
        (5003, json!({ "id": 5003, "price": 50_000, "unknown": { "fields": ["are", "ignored"] } })),
        (9_007_199_254_740_991, json!({ "id": 9_007_199_254_740_991_i64, "price": "50000" })),
    ];
    for (id, body) in forms {
        let answer = api.post("/matches", &body).await?.must_be(201)?;
        assert_eq!(answer.header("location"), Some(format!("/matches/{id}").as_str()));
        assert_eq!(answer.body, resource(id, PRICE, "matchRequested"));
        let shown = api.get(&format!("/matches/{id}")).await?.must_be(200)?;
        assert_eq!(shown.body, resource(id, PRICE, "matchRequested"));
        let payment = api.get(&format!("/payments/{id}")).await?.must_be(200)?.body;
        let payment = [&payment["id"], &payment["matchId"], &payment["price"], &payment["paymentAction"]];
        assert_eq!(payment, [&json!(id), &json!(id), &json!(PRICE), &json!("Approved")]);
    }
    let dearest = json!({ "id": 6000, "price": 9_007_199_254_740_991_i64 });
    api.post("/matches", &dearest).await?.must_be(201)?;
    let answer = api.post("/matches", &json!({ "price": 7 })).await?.must_be(201)?;
    let id = answer.body["id"].as_i64().unwrap();
    assert_eq!(answer.header("location"), Some(format!("/matches/{id}").as_str()));
    assert_eq!(answer.body, resource(id, 7, "matchRequested"));
    let json = api.request(Method::POST, "/matches").header("content-type", "application/vnd.api+json; charset=utf-8");
    api.send(json.body(r#"{"id":6001,"price":1}"#)).await?.must_be(201)?;
    // Digit by digit: none of these is the number that a double would make of it.
    for price in ["4503599627370497.5", "0.99999999999999999", "9007199254740992.0", "1e400", "1e-400", "1e999999999"] {
        let json = api.request(Method::POST, "/matches").header("content-type", "application/json");
        api.send(json.body(format!("{{\"price\":{price}}}"))).await?.must_be_problem(422, "price")?;
    }
    Ok(())
}

pub async fn the_same_request_again_is_the_same_match_and_another_price_is_a_conflict(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let (api, people) = (fleet.gateway()?, People::of(fleet)?);
    people.request(5000).await?.must_be(201)?;
    let again = people.request(5000).await?.must_be(200)?;
    assert_eq!(again.body, resource(5000, PRICE, "matchRequested"));
    api.post("/matches", &json!({ "id": 5000, "price": 1 })).await?.must_be_problem(409, "price")?;
    // Many at once are still one match with one payment.
    let many = testkit::each(0..20, 20, async |_| people.request(5001).await).await;
    let mut statuses = many.into_iter().map(|answer| Ok(answer?.status)).collect::<Result<Vec<_>>>()?;
    statuses.sort_unstable();
    assert_eq!(statuses, [[200; 19].as_slice(), &[201]].concat());
    fleet.settled(SOON).await?;
    let approved = fleet.topics().events("payment").await?;
    assert_eq!(approved.iter().filter(|event| event.subject == "5001").count(), 1, "{approved:?}");
    Ok(())
}

pub async fn an_idempotency_key_stands_for_one_match(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let api = fleet.gateway()?;
    let post = async |key: &str, price: i64| {
        let request = api.request(Method::POST, "/matches").header("idempotency-key", key);
        api.send(request.json(&json!({ "price": price }))).await
    };
    let first = post("a", 10).await?.must_be(201)?;
    let again = post("a", 10).await?.must_be(200)?;
    assert_eq!(first.body, again.body);
    post("a", 11).await?.must_be_problem(422, "Idempotency-Key")?;
    let other = post("b", 10).await?.must_be(201)?;
    assert_ne!(first.body["id"], other.body["id"]);
    post(&"k".repeat(256), 10).await?.must_be_problem(400, "Idempotency-Key")?;
    post("a b", 10).await?.must_be_problem(400, "Idempotency-Key")?;
    let two = api.request(Method::POST, "/matches").header("idempotency-key", "d").header("idempotency-key", "e");
    api.send(two.json(&json!({ "price": 10 }))).await?.must_be_problem(400, "Idempotency-Key")?;
    let under_id = async |id: i64| {
        let request = api.request(Method::POST, "/matches").header("idempotency-key", "with-an-id");
        api.send(request.json(&json!({ "id": id, "price": 10 }))).await
    };
    under_id(81).await?.must_be(201)?;
    under_id(82).await?.must_be_problem(422, "Idempotency-Key")?;
    under_id(81).await?.must_be(200)?;
    api.get("/matches/82").await?.must_be_problem(404, "82")?;
    let many = testkit::each(0..20, 20, async |_| post("c", 10).await).await;
    let many = many.into_iter().map(|answer| Ok(answer?.body["id"].clone())).collect::<Result<Vec<_>>>()?;
    assert!(many.iter().all(|id| *id == many[0] && id.is_i64()), "{many:?}");
    Ok(())
}

pub async fn a_match_is_cancelled_once_however_often_it_is_asked_for(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let (api, people) = (fleet.gateway()?, People::of(fleet)?);
    for (id, method) in [(5000, Method::PATCH), (5001, Method::PUT)] {
        people.request(id).await?.must_be(201)?;
        let (path, cancel) = (format!("/matches/{id}"), json!({ "status": "cancel", "id": id }));
        let stale = api.request(method.clone(), &path).header("if-match", "\"stale\"").json(&cancel);
        api.send(stale).await?.must_be_problem(412, "If-Match")?;
        let canceled = api.with(method.clone(), &path, &cancel).await?.must_be(200)?;
        assert_eq!(canceled.body, resource(id, PRICE, "matchCanceled"));
        let again = api.with(method.clone(), &path, &cancel).await?.must_be(200)?;
        assert_eq!(again.body["_links"], json!({ "self": { "href": path } }), "there is nothing left to cancel");
        for (body, word) in [(json!({ "status": "matchRequest" }), "status"), (json!({}), "status")] {
            api.with(method.clone(), &path, &body).await?.must_be_problem(422, word)?;
        }
        let unknown = api.with(method, "/matches/999", &cancel).await?;
        unknown.must_be_problem(404, "999")?;
    }
    api.get("/matches/999").await?.must_be_problem(404, "999")?;
    api.get("/matches/nobody").await?.must_be_problem(404, "id")?;
    let answer = api.send(api.request(Method::DELETE, "/matches/5000")).await?.must_be_problem(405, "")?;
    assert!(answer.header("allow").is_some_and(|allow| allow.contains("PATCH")), "{:?}", answer.headers);
    eventually(SOON, "the match knows that it is paid back", async || {
        let status = people.match_status(5000).await?;
        ensure!(status == "paymentCanceled", "{status}");
        Ok(())
    })
    .await?;
    fleet.settled(SOON).await?;
    for (context, kind) in [("match", "MatchCanceled"), ("payment", "PaymentCanceled")] {
        let events = fleet.topics().events(context).await?;
        assert_eq!(events.iter().filter(|event| event.kind == kind).count(), 2, "{events:?}");
    }
    Ok(())
}
