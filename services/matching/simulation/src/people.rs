use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ambient::{Clock, Timestamp};
use axum::body::Body;
use http::{Method, Request, header};
use matching_audit::{Asked, Told};
use serde_json::{Value, json};
use simulation::{Answer, World};
use tokio::time::{sleep, timeout};

/// How long people wait for an answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// The price that is offered as a rule.
const PRICE: i64 = 50_000;

/// What students and tutors do, and what they are told.
pub(crate) struct People {
    world: Arc<World>,
    clock: Arc<dyn Clock>,
    told: Mutex<Vec<Told>>,
}

impl People {
    pub(crate) fn new(world: &Arc<World>) -> Self {
        Self { world: Arc::clone(world), clock: world.clock(), told: Mutex::default() }
    }

    /// All that they were told.
    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A student who wants this match, does not give up easily, and may cancel it later.
    pub(crate) async fn student(&self, id: i64) {
        self.pause(12_000).await;
        let tries = self.draw(1, 4);
        for _ in 0..tries {
            let price = if self.draw(0, 9) == 0 { PRICE + 1 } else { PRICE };
            let status = self.request(id, price).await;
            if matches!(status, Some(200 | 201)) && self.draw(0, 3) > 0 {
                break;
            }
            self.pause(3_000).await;
        }
        if self.draw(0, 2) == 0 {
            self.pause(6_000).await;
            for _ in 0..self.draw(1, 3) {
                self.cancel(id).await;
                self.pause(1_000).await;
            }
        }
    }

    /// A tutor who takes some of these matches, whenever they are in the list.
    pub(crate) async fn tutor(&self, ids: std::ops::RangeInclusive<i64>) {
        for _ in 0..self.draw(4, 12) {
            self.pause(3_000).await;
            let id = self.draw(*ids.start(), *ids.end());
            self.assign(id).await;
        }
    }

    /// A tutor who looks at the list all the time and takes what is there, as soon as it is there.
    pub(crate) async fn eager_tutor(&self) {
        for _ in 0..self.draw(20, 80) {
            self.pause(600).await;
            if let Some(id) = self.any_listed().await {
                self.assign(id).await;
            }
        }
    }

    /// One of the open visit requests.
    async fn any_listed(&self) -> Option<i64> {
        let list = self.ask("visit", Method::GET, "/visitReqLists", &Value::Null).await?;
        let list: Value = serde_json::from_slice(&list.body).ok()?;
        let listed = list["_embedded"]["visitReqLists"].as_array()?;
        listed.get(self.world.draw(|chance| chance.usize(0..listed.len().max(1))))?["id"].as_i64()
    }

    async fn request(&self, id: i64, price: i64) -> Option<u16> {
        let status = self.status_of("match", Method::POST, "/matches", &json!({ "id": id, "price": price })).await;
        self.note(Asked::Request, id, Some(price), status)
    }

    async fn cancel(&self, id: i64) -> Option<u16> {
        let body = json!({ "status": "cancel" });
        let status = self.status_of("match", Method::PATCH, &format!("/matches/{id}"), &body).await;
        self.note(Asked::Cancel, id, None, status)
    }

    async fn assign(&self, id: i64) -> Option<u16> {
        let body = json!({ "matchId": id, "teacher": "TEACHER", "visitDate": "2027-01-21" });
        let status = self.status_of("visit", Method::POST, "/visits", &body).await;
        self.note(Asked::Assign, id, None, status)
    }

    /// The status of the answer, if there is one.
    async fn status_of(&self, context: &str, method: Method, path: &str, body: &Value) -> Option<u16> {
        self.ask(context, method, path, body).await.map(|answer| answer.status.as_u16())
    }

    async fn ask(&self, context: &str, method: Method, path: &str, body: &Value) -> Option<Answer> {
        let mut request = Request::new(Body::from(body.to_string()));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().ok()?;
        request.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        timeout(PATIENCE, self.world.call("people", context, request)).await.ok()?.ok()
    }

    fn note(&self, what: Asked, id: i64, price: Option<i64>, status: Option<u16>) -> Option<u16> {
        let told = Told { at: Some(self.now()), what, id, price, status };
        self.world.tell("people", Some(id), told.to_string());
        self.told.lock().unwrap_or_else(PoisonError::into_inner).push(told);
        status
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn pause(&self, most_ms: u64) {
        sleep(self.world.span(Duration::ZERO..Duration::from_millis(most_ms))).await;
    }

    fn draw(&self, from: i64, to: i64) -> i64 {
        self.world.draw(|chance| chance.i64(from..=to))
    }
}
