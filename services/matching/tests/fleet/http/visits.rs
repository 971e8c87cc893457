//! Visits: assigned, refused, shown.

use anyhow::{Result, ensure};
use matching_tests::{DATE, People, SOON, TEACHER};
use serde_json::{Value, json};
use testkit::{Fleet, eventually};

async fn listed(people: &People, ids: &[i64]) -> Result<()> {
    eventually(SOON, "the requests are listed", async || {
        let listed: Vec<i64> = people.listed().await?.into_keys().collect();
        ensure!(listed == ids, "{listed:?}");
        Ok(())
    })
    .await
}

pub async fn a_visit_is_assigned_with_a_date_in_any_of_four_forms(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let (api, people) = (fleet.gateway()?, People::of(fleet)?);
    let forms = ["2021-01-21", "21/01/21", "210121", "20210121"];
    let ids: Vec<i64> = (5000..).take(forms.len()).collect();
    for id in &ids {
        people.request(*id).await?.must_be(201)?;
    }
    listed(&people, &ids).await?;
    for (id, form) in ids.iter().zip(forms) {
        let id_as_text = json!({ "matchId": id.to_string(), "teacher": TEACHER, "visitDate": form });
        let answer = api.post("/visits", &id_as_text).await?.must_be(201)?;
        assert_eq!(answer.header("location"), Some(format!("/visits/{id}").as_str()));
        let expected = json!({
            "id": id, "matchId": id, "teacher": TEACHER, "visitDate": "2021-01-21", "status": "visitAssigned",
            "_links": { "self": { "href": format!("/visits/{id}") } },
        });
        assert_eq!(answer.body, expected);
        assert_eq!(people.find("/visits", *id).await?, Some(expected));
    }
    listed(&people, &[]).await?;
    assert_eq!(people.all("/visits", "visits").await?.len(), forms.len());
    eventually(SOON, "the match and the page show the visit", async || {
        let (status, page) = (people.match_status(5000).await?, people.find("/myPages", 5000).await?);
        let page = page.unwrap_or_default();
        ensure!(status == "visitAssigned" && page["status"] == "visitAssigned", "{status}, {page}");
        ensure!(page["teacher"] == TEACHER && page["visitDate"] == "2021-01-21", "{page}");
        Ok(())
    })
    .await
}

pub async fn a_visit_that_cannot_be_is_refused(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let (api, people) = (fleet.gateway()?, People::of(fleet)?);
    people.request(5000).await?.must_be(201)?;
    people.request(5001).await?.must_be(201)?;
    listed(&people, &[5000, 5001]).await?;
    let request = &people.listed().await?[&5000];
    assert_eq!([&request["matchId"], &request["price"]], [&json!(5000), &json!(50_000)]);
    assert_eq!(request["_links"]["assign"]["href"], "/visits");

    people.assign(999).await?.must_be_problem(404, "visit request")?;
    people.cancel(5001).await?.must_be(200)?;
    listed(&people, &[5000]).await?;
    people.assign(5001).await?.must_be_problem(409, "cancelled")?;
    let wrong = |field: &str, value: Value| {
        let mut body = json!({ "matchId": 5000, "teacher": TEACHER, "visitDate": DATE });
        body[field] = value;
        (field.to_owned(), body)
    };
    let cases = [
        wrong("matchId", json!(null)),
        wrong("matchId", json!(0)),
        wrong("teacher", json!("  ")),
        wrong("teacher", json!(7)),
        wrong("teacher", json!("x".repeat(201))),
        wrong("teacher", json!("NUL\u{0}")),
        wrong("visitDate", json!("2021-02-30")),
        wrong("visitDate", json!("tomorrow")),
        wrong("visitDate", json!(null)),
    ];
    for (field, body) in cases {
        api.post("/visits", &body).await?.must_be_problem(422, &field)?;
    }
    people.assign(5000).await?.must_be(201)?;
    people.assign(5000).await?.must_be_problem(409, "assigned")?;
    api.get("/visits/5001").await?.must_be_problem(404, "5001")?;
    Ok(())
}
