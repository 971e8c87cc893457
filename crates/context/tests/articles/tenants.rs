//! Rows of tenants, and totals.

use axum::body::to_bytes;
use chassis::Principal;
use identity::Identity;
use serde_json::{Value, json};
use test_stores::on_each_store;

use crate::following::Shop;
use crate::priced;

async fn get(shop: &Shop, principal: &Principal, path: &str) -> (u16, Value) {
    let (head, body) = shop.get(principal, path, None).await.into_parts();
    (head.status.as_u16(), serde_json::from_slice(&to_bytes(body, 1 << 16).await.unwrap()).unwrap())
}

#[test]
fn a_member_sees_the_rows_of_its_tenant_and_totals_count_what_a_filter_leaves() {
    on_each_store(async |place| {
        let shop = Shop::on(place).await;
        let of_shelf = |shelf: &str| Principal::User {
            identity: Identity::new("max", ["shop"]).with_claim("shelf", shelf),
            operator_role: "operator".into(),
        };
        let (anyone, kim) = (
            Principal::Unauthenticated,
            Principal::User { identity: Identity::new("kim", ["seller"]), operator_role: "operator".into() },
        );
        let articles = [("A", 1, "kim"), ("B", 1, "lee"), ("C", 1, "lee"), ("D", 2, "kim")];
        shop.consume((1..).zip(articles).map(|(price, (n, shelf, seller))| priced(n, shelf, price, seller)).collect())
            .await;
        for (principal, query, expected, totals) in [
            (&anyone, "", vec!["A", "B", "C", "D"], Value::Null),
            (&anyone, "?shelf=1&size=1", vec!["A"], json!({ "kim": 1, "lee": 2 })),
            (&of_shelf("2"), "", vec!["D"], Value::Null),
            (&of_shelf("2"), "?shelf=1", vec![], json!({ "kim": 0, "lee": 0 })),
            (&kim, "?shelf=1", vec!["A"], json!({ "kim": 1, "lee": 0 })),
        ] {
            let (status, page) = get(&shop, principal, &format!("/articles{query}")).await;
            let items = page["_embedded"]["articles"].as_array().unwrap();
            let numbers: Vec<&str> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
            assert_eq!((status, numbers, &page["totals"]), (200, expected, &totals), "{query} {principal:?}");
        }
        assert_eq!(get(&shop, &of_shelf("2"), "/articles/A").await.0, 404);
        let (_, article) = get(&shop, &of_shelf("1"), "/articles/A").await;
        assert_eq!(article["_links"]["shelf"]["href"], "/shelves/1/articles/A?shelf=1");
    });
}
