//! Parsers of a service: body, id in the path, page.

use std::collections::BTreeMap;
use std::sync::Arc;

use ambient::{Ids, ManualClock, Timestamp};
use axum::body::Body;
use axum::extract::{FromRequestParts, Request};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use chassis::body::{Fields, Id, MAX_EXACT, required};
use chassis::page::{Listed, MAX_SIZE, Page, PageRequest};
use chassis::problem::Problem;
use futures_util::FutureExt;
use http::{StatusCode, Uri};
use http_body_util::BodyExt;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::form::first_line;

/// The maximum length of a text field here.
const MAX_CHARS: usize = 100;

/// A service with one handler of each kind, called without a network.
struct Service {
    runtime: Runtime,
    router: Router,
}

thread_local! {
    static SERVICE: Service = Service::new();
}

/// The host of a process, with a fixed time.
pub fn host() -> chassis::Host {
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(0)));
    chassis::Host::new(clock.clone(), Arc::new(Ids::seeded(clock, 1)))
}

impl Service {
    fn new() -> Self {
        let routes = Router::new().route("/things", post(read_fields)).route("/things/{id}", get(read_id));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        Self { runtime, router: chassis::router(routes, &host(), &chassis::Config::default()) }
    }

    /// The status and the document of the response.
    fn call(&self, request: Request) -> (StatusCode, Value) {
        let response = async {
            let response: Response = self.router.clone().oneshot(request).await.unwrap();
            let status = response.status();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            (status, serde_json::from_slice(&body).unwrap())
        };
        self.runtime.block_on(response)
    }
}

async fn read_fields(fields: Fields) -> Result<Json<Value>, Problem> {
    let id = fields.whole_number("id", 1..=MAX_EXACT)?;
    let price = required(fields.whole_number("price", i64::MIN..=i64::MAX)?, "price")?;
    let note = fields.text("note", MAX_CHARS)?;
    Ok(Json(json!({ "id": id, "price": price, "note": note })))
}

async fn read_id(Id(id): Id) -> Json<Value> {
    Json(json!(id))
}

/// The content type in the first line, the body in the others: a body is rejected with a reason, or its fields are within their
/// bounds and are the same when they are sent again.
pub fn request_bodies(bytes: &[u8]) {
    let (content_type, body) = first_line(bytes);
    let request = |body: Vec<u8>| Request::post("/things").header("content-type", content_type).body(Body::from(body));
    let Ok(given) = request(body.to_vec()) else { return };
    SERVICE.with(|service| {
        let (status, read) = service.call(given);
        if status != StatusCode::OK {
            assert!(matches!(status.as_u16(), 400 | 413 | 415 | 422), "{status}: {read}");
            assert_eq!(read["status"], status.as_u16());
            return;
        }
        let note = read["note"].as_str().unwrap_or_default();
        assert!(read["id"].is_null() || read["id"].as_i64().is_some_and(|id| (1..=MAX_EXACT).contains(&id)), "{read}");
        assert_as_written(body, &read);
        assert!(note.chars().count() <= MAX_CHARS && !note.contains('\0'), "{read}");
        assert_eq!(service.call(request(read.to_string().into_bytes()).unwrap()), (StatusCode::OK, read));
    });
}

/// The accepted numbers are those in the body, digit by digit.
fn assert_as_written(body: &[u8], read: &Value) {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_slice(body).unwrap();
    for name in ["id", "price"] {
        let written = fields.get(name).map_or("null", |value| value.get());
        if let (Some(number), false) = (read[name].as_i64(), written == "null") {
            let written = serde_json::from_str::<String>(written).unwrap_or_else(|_| written.to_owned());
            assert_eq!(decimal(&written), decimal(&number.to_string()), "{written} became {number}");
        }
    }
}

/// The sign, the significant digits, and the power of ten of the last one: two texts of one number have one such form.
fn decimal(text: &str) -> (bool, String, i128) {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{}{fraction}", whole.trim_start_matches('-'));
    let significant = digits.trim_end_matches('0');
    let dropped = digits.len() - significant.len();
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        return (false, String::new(), 0);
    }
    let places = i128::try_from(fraction.len()).unwrap() - i128::try_from(dropped).unwrap();
    (whole.starts_with('-'), significant.to_owned(), exponent.parse::<i128>().unwrap() - places)
}

/// An id in a path: it is rejected, or it is one number in its one form.
pub fn ids(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let request = |id: &str| Request::get(format!("/things/{id}")).body(Body::empty());
    let Ok(given) = request(text) else { return };
    SERVICE.with(|service| {
        let (status, read) = service.call(given);
        if status == StatusCode::OK {
            assert!(read.as_i64().is_some_and(|id| (1..=MAX_EXACT).contains(&id)), "{text}: {read}");
            assert_eq!(service.call(request(&read.to_string()).unwrap()), (StatusCode::OK, read));
        } else {
            assert_eq!(status, StatusCode::NOT_FOUND, "{text}: {read}");
        }
    });
}

/// The query of a page: the links of the page have what was accepted.
pub fn cursors(bytes: &[u8]) {
    if let Ok(query) = str::from_utf8(bytes) {
        reads_back::<1>(query);
        reads_back::<2>(query);
    }
    let (numbers, _) = bytes.as_chunks::<8>();
    if let [one, other, ..] = *numbers {
        let after = Some([one, other].map(i64::from_be_bytes));
        assert_links(&PageRequest { size: 20, after });
    }
}

fn reads_back<const N: usize>(query: &str) {
    let given = format!("/things?{query}");
    let Some(request) = read::<N>(&given) else { return };
    assert!((1..=MAX_SIZE).contains(&request.size), "{query}");
    let written = assert_links(&request);
    let cursor = |link: &str| {
        // A fragment is not part of the query.
        let link: Uri = link.parse().unwrap();
        let mut pairs = url::form_urlencoded::parse(link.query().unwrap_or_default().as_bytes());
        pairs.find_map(|(name, value)| (name == "cursor").then(|| value.into_owned()))
    };
    assert_eq!(cursor(&given), cursor(&written), "two cursors for one place");
}

#[derive(Serialize)]
struct Thing;

impl Listed for Thing {
    const PATH: &'static str = "/things";
    const REL: &'static str = "things";
}

/// The link to the page itself has the same page, and so has the link to the next one if it begins there.
fn assert_links<const N: usize>(request: &PageRequest<N>) -> String {
    let document = json!(Page::<Thing>::new(Vec::new(), request, request.after));
    let link = |rel: &str| document["_links"][rel]["href"].as_str().map(str::to_owned);
    let written = link("self").unwrap();
    assert_eq!(read::<N>(&written), Some(*request), "{written}");
    assert_eq!(link("next"), request.after.map(|_| written.clone()));
    written
}

fn read<const N: usize>(uri: &str) -> Option<PageRequest<N>> {
    let (mut head, ()) = Request::get(uri).body(()).ok()?.into_parts();
    PageRequest::from_request_parts(&mut head, &()).now_or_never()?.ok()
}
