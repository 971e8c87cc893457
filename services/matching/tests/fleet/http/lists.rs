//! Lists, page by page.

use anyhow::{Result, ensure};
use matching_tests::{People, SOON};
use serde_json::Value;
use testkit::{Fleet, eventually};

/// More than the largest page.
const MANY: i64 = 205;

const LISTS: [(&str, &str); 4] =
    [("/matches", "matches"), ("/payments", "payments"), ("/visitReqLists", "visitReqLists"), ("/myPages", "myPages")];

fn ids(items: &[Value]) -> Vec<i64> {
    items.iter().filter_map(|item| item["id"].as_i64()).collect()
}

pub async fn lists_are_walked_page_by_page_in_their_order(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let (api, people) = (fleet.gateway()?, People::of(fleet)?);
    for id in (1..=MANY).rev() {
        people.request(id).await?.must_be(201)?;
    }
    let by_id: Vec<i64> = (1..=MANY).collect();
    let by_age: Vec<i64> = (1..=MANY).rev().collect();
    for (path, rel) in LISTS {
        eventually(SOON, path, async || {
            let found = ids(&api.all(path, rel).await?);
            let expected = if path == "/visitReqLists" { &by_age } else { &by_id };
            ensure!(found == *expected, "{} items: {found:?}", found.len());
            Ok(())
        })
        .await?;
        // Without a size it is 20.
        let first = api.get(path).await?.must_be(200)?.body;
        assert_eq!(first["_embedded"][rel].as_array().map(Vec::len), Some(20));
        assert_eq!(first["_links"]["self"]["href"], path);
        let next = first["_links"]["next"]["href"].as_str().unwrap_or_default();
        assert!(next.starts_with(&format!("{path}?cursor=")), "{next}");
        let second = api.get(next).await?.must_be(200)?.body;
        assert_eq!(second["_links"]["self"]["href"], next);
        let (first, second) = (&first["_embedded"][rel], &second["_embedded"][rel]);
        assert!(first.as_array().unwrap().iter().all(|item| !second.as_array().unwrap().contains(item)));
        // The last page has no next one, also when it is full.
        let link = format!("{path}?size=41");
        let mut page = api.get(&link).await?.must_be(200)?.body;
        for _ in 1..5 {
            page = api.get(page["_links"]["next"]["href"].as_str().unwrap()).await?.must_be(200)?.body;
        }
        assert_eq!(page["_embedded"][rel].as_array().map(Vec::len), Some(41));
        assert_eq!(page["_links"]["next"], Value::Null);
    }
    Ok(())
}

pub async fn a_page_that_cannot_be_is_refused(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let (api, people) = (fleet.gateway()?, People::of(fleet)?);
    people.request(1).await?.must_be(201)?;
    people.request(2).await?.must_be(201)?;
    let page = api.get("/matches?size=1").await?.must_be(200)?.body;
    let next = page["_links"]["next"]["href"].as_str().unwrap_or_default().to_owned();
    let cursor = next.split(['=', '&']).nth(1).unwrap_or_default().to_owned();
    for (path, _) in LISTS.into_iter().chain([("/visits", "visits")]) {
        for query in ["size=0", "size=101", "size=x", "cursor=abc", "cursor=", "cursor=%00"] {
            let word = query.split('=').next().unwrap_or_default();
            api.get(&format!("{path}?{query}")).await?.must_be_problem(400, word)?;
        }
        // Not even one letter may be different.
        let other = if cursor.starts_with('B') { 'C' } else { 'B' };
        api.get(&format!("{path}?cursor={other}{}", &cursor[1..])).await?.must_be_problem(400, "cursor")?;
    }
    Ok(())
}
