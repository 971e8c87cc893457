use axum::routing::get;
use axum::{Json, Router};
use chassis::page::{Listed, Page, PageRequest};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Service, problem};

#[derive(Serialize)]
struct Number {
    id: i64,
}

impl Listed for Number {
    const PATH: &'static str = "/numbers";
    const REL: &'static str = "numbers";
}

/// The numbers from 1 to 50, in pages. The second key has no effect on the order.
async fn list(request: PageRequest<2>) -> Json<Page<Number>> {
    let first = request.after.map_or(1, |[last, minus]| {
        assert_eq!(minus, -last);
        last + 1
    });
    let last = (first + request.size - 1).min(50);
    let items = (first..=last).map(|id| Number { id }).collect();
    Json(Page::new(items, &request, (last < 50).then_some([last, -last])))
}

async fn numbers() -> Service {
    Service::routes(Router::new().route("/numbers", get(list))).await
}

async fn page_at(service: &Service, path: &str) -> Value {
    service.get(path).await.json().await.unwrap()
}

fn ids(page: &Value) -> Vec<i64> {
    let items = page["_embedded"]["numbers"].as_array().unwrap();
    items.iter().map(|item| item["id"].as_i64().unwrap()).collect()
}

async fn walk(service: &Service, from: &str) -> Vec<Vec<i64>> {
    let mut pages = Vec::new();
    let mut next = Some(from.to_owned());
    while let Some(path) = next {
        let page = page_at(service, &path).await;
        assert_eq!(page["_links"]["self"]["href"], path);
        next = page["_links"]["next"]["href"].as_str().map(ToOwned::to_owned);
        pages.push(ids(&page));
    }
    pages
}

#[tokio::test]
async fn following_next_shows_every_item_once_twenty_at_a_time() {
    let pages = walk(&numbers().await, "/numbers").await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [20, 20, 10]);
    assert_eq!(pages.concat(), (1..=50).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_size_of_a_page_is_kept_by_its_next_link() {
    let pages = walk(&numbers().await, "/numbers?size=15").await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [15, 15, 15, 5]);
}

#[tokio::test]
async fn a_list_without_items_is_a_page_without_next() {
    let empty = async |request: PageRequest<1>| Json(Page::<Number>::new(Vec::new(), &request, None));
    let service = Service::routes(Router::new().route("/numbers", get(empty))).await;
    let expected = json!({ "_embedded": { "numbers": [] }, "_links": { "self": { "href": "/numbers" } } });
    assert_eq!(page_at(&service, "/numbers").await, expected);
}

#[tokio::test]
async fn a_size_outside_its_range_is_refused() {
    let service = numbers().await;
    for size in ["0", "101", "-1", "ten", "", "1.5", "99999999999999999999"] {
        let (status, document) = problem(service.get(&format!("/numbers?size={size}")).await).await;
        assert_eq!(status, 400, "{size}");
        assert_eq!(document["detail"], "size must be a whole number from 1 to 100");
    }
    assert_eq!(problem(service.get("/numbers?size=1&size=2").await).await.0, 400);
}

#[tokio::test]
async fn every_single_typing_error_in_a_cursor_is_noticed() {
    let service = numbers().await;
    let first = page_at(&service, "/numbers").await;
    let next = first["_links"]["next"]["href"].as_str().unwrap();
    for position in "/numbers?cursor=".len()..next.len() {
        let mut wrong = next.to_owned();
        let letter = if wrong.as_bytes()[position] == b'x' { "y" } else { "x" };
        wrong.replace_range(position..=position, letter);
        assert_eq!(problem(service.get(&wrong).await).await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_cursor_of_another_shape_is_refused() {
    let single = async |request: PageRequest<1>| Json(Page::<Number>::new(Vec::new(), &request, Some([1])));
    let service = Service::routes(Router::new().route("/numbers", get(list)).route("/single", get(single))).await;
    let other = page_at(&service, "/single").await;
    let other = other["_links"]["next"]["href"].as_str().unwrap();
    for wrong in [other, "/numbers?cursor=", "/numbers?cursor=AQ", "/numbers?cursor=***"] {
        let (status, document) = problem(service.get(wrong).await).await;
        assert_eq!(status, 400, "{wrong}");
        assert!(document["detail"].as_str().unwrap().starts_with("cursor "));
    }
}
