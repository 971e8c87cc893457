//! Requests that are rejected, by their form and by the rules.

use anyhow::Result;
use foodcourt_tests::{PRICE, People};
use serde_json::json;
use testkit::Fleet;

pub async fn what_cannot_be_ordered_cancelled_or_cooked_is_rejected_and_the_field_is_named(
    fleet: &mut Fleet,
) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    people.order(1).await?.must_be(201)?;
    people.take_soon(1).await?;
    let order = |field: &str, value: serde_json::Value| {
        let mut body = json!({ "orderId": 2, "shopId": 1, "menuId": 1, "qty": 1 });
        body[field] = value;
        body
    };
    for (path, body, status, word) in [
        ("/orders", order("shopId", json!(99)), 404, "99"),
        ("/orders", order("menuId", json!(99)), 404, "99"),
        ("/orders", order("price", json!(PRICE + 1)), 409, "1001"),
        ("/orders", order("price", json!(PRICE + 1)), 409, "1000"),
        ("/orders", order("orderId", json!(1)), 200, ""),
        ("/orders", json!({ "orderId": 1, "shopId": 1, "menuId": 1, "qty": 2 }), 409, ""),
        ("/orders", order("qty", json!(100)), 422, "qty"),
        ("/orders", order("qty", json!(0)), 422, "qty"),
        ("/orders/order", order("status", json!("cooked")), 422, "status"),
        ("/orders/cancel", json!({}), 422, "orderId"),
        ("/orders/cancel", json!({ "orderId": 99 }), 404, "99"),
        ("/orders/cancel", json!({ "orderId": 1, "status": "order" }), 422, "status"),
        ("/cook/statusChange", json!({ "orderId": 99, "cookStatus": "cook" }), 404, "99"),
        ("/cook/statusChange", json!({ "orderId": 1, "cookStatus": "order" }), 422, "cookStatus"),
        ("/cancellations", json!({ "orderId": 1, "shopId": 1 }), 404, ""),
    ] {
        let answer = people.api.post(path, &body).await?;
        if status == 200 {
            answer.must_be(200)?
        } else {
            answer.must_be_problem(status, word)?
        };
    }
    people.api.get("/cook/cookStatusCheck").await?.must_be_problem(422, "orderId")?;
    people.api.get("/cook/cookStatusCheck?orderId=99").await?.must_be_problem(404, "99")?;
    let put = async |path: &str, body| people.api.with("PUT".parse()?, path, &body).await;
    put("/menus/7/1", json!({ "name": "Soup" })).await?.must_be_problem(422, "price")?;
    put("/menus/7/1", json!({ "name": " ", "price": 7 })).await?.must_be_problem(422, "name")?;
    put("/menus/7/1", json!({ "name": "Soup", "price": 7 })).await?.must_be(201)?;
    put("/menus/7/1", json!({ "name": "Soup", "price": 8 })).await?.must_be(200)?;
    people.order_of(3, 7).await?.must_be(201)?;
    people.api.send(people.api.request("DELETE".parse()?, "/menus/7/1")).await?.must_be(204)?;
    people.order_of(4, 7).await?.must_be_problem(404, "7")?;
    let kept = people.api.get("/orders/3").await?.must_be(200)?.body;
    assert_eq!(kept["price"], json!(8));
    people.assert_laws(fleet).await
}
