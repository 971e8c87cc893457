use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use chassis::Config;
use chassis::body::{Fields, MAX_EXACT, required};
use chassis::problem::Problem;
use serde_json::json;
use tokio_stream::StreamExt;

use crate::{Service, problem};

/// Returns what it read: a required price and an optional name.
async fn read(fields: Fields) -> Result<String, Problem> {
    let price = required(fields.whole_number("price", 1..=MAX_EXACT)?, "price")?;
    Ok(format!("{price} {}", fields.text("name", 5)?.unwrap_or("nobody")))
}

async fn shop() -> Service {
    Service::routes(Router::new().route("/prices", post(read))).await
}

async fn read_back(service: &Service, body: &str) -> String {
    let response = service.post("/prices", body.to_owned()).await;
    assert_eq!(response.status(), 200, "{body}");
    response.text().await.unwrap()
}

async fn refused(service: &Service, body: &[u8]) -> (u16, serde_json::Value) {
    problem(service.post("/prices", body.to_vec()).await).await
}

#[tokio::test]
async fn a_whole_number_may_come_as_a_number_or_as_a_string_of_digits() {
    let service = shop().await;
    for price in ["50000", "\"50000\"", "50000.0", "5e4"] {
        assert_eq!(read_back(&service, &format!("{{\"price\":{price}}}")).await, "50000 nobody", "{price}");
    }
    let greatest = ["9007199254740991", "9007199254740991.0", "900719925474099.1e1", "9007199254740991000e-3"];
    for price in greatest {
        assert_eq!(read_back(&service, &format!("{{\"price\":{price}}}")).await, "9007199254740991 nobody", "{price}");
    }
}

#[tokio::test]
async fn a_number_out_of_range_is_rejected_with_the_field_and_the_rule() {
    let service = shop().await;
    let wrong = [
        "0",
        "-5",
        "\"-5\"",
        "1.5",
        "true",
        "[]",
        "{}",
        "\"\"",
        "\"-\"",
        "\"+5\"",
        "\" 5\"",
        "\"5.0\"",
        "\"five\"",
        "9007199254740992",
        "9007199254740993.0",
        "\"9007199254740992\"",
        "18446744073709551615",
        "1e300",
        "1e400",
        "-1e400",
        "1e-400",
        "1e999999999",
        "1e-999999999",
        "1e99999999999999999999",
        "0e99999999999999999999",
        "-0",
        "0.99999999999999999",
        "4503599627370497.5",
        "7292786544758924.5",
        "9007199254740991.5",
        "9007199254740992.0",
        "\"1e3\"",
        "\"\\ud800\"",
        "\"99999999999999999999999999\"",
    ];
    for price in wrong {
        let (status, document) = refused(&service, format!("{{\"price\":{price}}}").as_bytes()).await;
        assert_eq!(status, 422, "{price}");
        let rule = "must be a whole number from 1 to 9007199254740991";
        assert_eq!(document["errors"], json!([{ "pointer": "#/price", "detail": rule }]), "{price}");
        assert_eq!(document["detail"], format!("price {rule}"));
    }
}

#[tokio::test]
async fn a_required_field_that_is_absent_or_null_is_named() {
    let service = shop().await;
    for body in ["{}", r#"{"price":null}"#] {
        let (status, document) = refused(&service, body.as_bytes()).await;
        assert_eq!(status, 422);
        assert_eq!(document["errors"], json!([{ "pointer": "#/price", "detail": "is required" }]));
    }
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let service = shop().await;
    // Any JSON value.
    let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    for colour in [r#"{"of":"money"}"#, "1e400", "[-1e999999999,{\"a\":1e-400}]", "0.1e1", r#""\ud800""#, &deep] {
        assert_eq!(read_back(&service, &format!("{{\"price\":1,\"colour\":{colour}}}")).await, "1 nobody", "{colour}");
    }
    for colour in ["01", "1.", ".1", "1e", "+1", "NaN", "Infinity", "0x1", "--1", "1e400.5"] {
        let body = format!("{{\"price\":1,\"colour\":{colour}}}");
        assert_eq!(refused(&service, body.as_bytes()).await.0, 400, "{colour}");
    }
}

#[tokio::test]
async fn of_a_field_that_is_there_twice_the_last_one_counts() {
    let service = shop().await;
    for first in ["1e400", "7", "null", "{\"price\":6}"] {
        assert_eq!(
            read_back(&service, &format!("{{\"price\":{first},\"pr\\u0069ce\":5}}")).await,
            "5 nobody",
            "{first}"
        );
    }
    for last in ["null", "1e400", "0.5"] {
        assert_eq!(refused(&service, format!("{{\"price\":5,\"price\":{last}}}").as_bytes()).await.0, 422, "{last}");
    }
}

#[tokio::test]
async fn a_text_is_counted_in_characters_and_must_be_storable() {
    let service = shop().await;
    assert_eq!(read_back(&service, r#"{"price":1,"name":"다섯글자요"}"#).await, "1 다섯글자요");
    for (name, rule) in [
        ("\"sixsix\"", "must be a text of at most 5 characters"),
        ("5", "must be a text of at most 5 characters"),
        ("\"a\\u0000b\"", "must not contain the character U+0000"),
    ] {
        let (status, document) = refused(&service, format!("{{\"price\":1,\"name\":{name}}}").as_bytes()).await;
        assert_eq!((status, &document["errors"][0]["detail"]), (422, &json!(rule)), "{name}");
    }
}

#[tokio::test]
async fn bad_json_is_refused_with_its_place() {
    let (status, document) = refused(&shop().await, b"{\n  \"price\": five\n}").await;
    assert_eq!(status, 400);
    let detail = document["detail"].as_str().unwrap();
    assert!(detail.ends_with("at line 2 column 13"), "{detail}");
}

#[tokio::test]
async fn a_body_that_is_empty_or_not_utf8_or_nested_without_end_is_a_bad_request() {
    let service = shop().await;
    let deep = "[".repeat(10_000);
    for body in [b"".as_slice(), b"{\"price\":\"\xff\"}", deep.as_bytes()] {
        assert_eq!(refused(&service, body).await.0, 400);
    }
}

#[tokio::test]
async fn json_that_is_no_object_is_refused() {
    let service = shop().await;
    for body in ["[]", "5", "\"price\"", "null"] {
        let (status, document) = refused(&service, body.as_bytes()).await;
        assert_eq!((status, document["type"].as_str()), (422, Some("urn:flotilla:problem:not-an-object")));
    }
}

#[tokio::test]
async fn a_body_without_a_json_content_type_gets_a_hint_how_to_send_it() {
    let service = shop().await;
    let request = || service.client.post(service.url("/prices")).body(r#"{"price":1}"#);
    for content_type in [None, Some("application/x-www-form-urlencoded"), Some("text/json"), Some("application/jsonx")]
    {
        let request = content_type.into_iter().fold(request(), |request, value| request.header("content-type", value));
        let (status, document) = problem(service.send(request).await).await;
        assert_eq!(status, 415, "{content_type:?}");
        let detail = document["detail"].as_str().unwrap();
        assert!(detail.contains(content_type.unwrap_or("missing")), "{detail}");
        assert!(detail.contains("-H 'Content-Type: application/json'"), "{detail}");
    }
    for content_type in ["application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json"] {
        let response = service.send(request().header("content-type", content_type)).await;
        assert_eq!(response.status(), 200, "{content_type}");
    }
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_and_the_limit_named() {
    let service = shop().await;
    let padded = |len: usize| format!("{{\"price\":1{}}}", " ".repeat(len - 11));
    assert_eq!(read_back(&service, &padded(65_536)).await, "1 nobody");
    for len in [65_537, 1_000_000] {
        let (status, document) = refused(&service, padded(len).as_bytes()).await;
        assert_eq!((status, document["detail"].as_str()), (413, Some("the limit is 65536 bytes")));
    }
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_also_when_its_length_is_not_said() {
    let service = shop().await;
    let chunks = tokio_stream::iter(vec![Ok::<_, Infallible>(vec![b' '; 10_000]); 8]);
    let response = service.post("/prices", reqwest::Body::wrap_stream(chunks)).await;
    assert_eq!(problem(response).await.0, 413);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let config = Config { body_read_timeout: Duration::from_millis(100), ..Config::default() };
    let service = Service::start(config, |_| Router::new().route("/prices", post(read))).await;
    let begun = tokio_stream::once(Ok::<_, Infallible>("{")).chain(tokio_stream::pending());
    let response = service.post("/prices", reqwest::Body::wrap_stream(begun)).await;
    let (status, document) = problem(response).await;
    assert_eq!((status, document["detail"].as_str()), (408, Some("the body must arrive within 100ms")));
}
