//! Everybody who asks the fleet for something: through the gateway, and writing down what was answered.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ambient::{Clock as _, SystemClock};
use anyhow::Result;
use matching_audit::{Asked as Heard, Told};
use serde_json::{Value, json};
use testkit::{Answer, Api};
use tokio::time::sleep;

use crate::asked::Asked;
use crate::statistics::Statistics;
use crate::timeline::Timeline;

/// Lines of the table of what clients saw.
const LINES: u32 = 24;

/// More of what must not be is not kept.
const MOST_FAULTS: usize = 50;

/// All clients of a run.
pub struct Clients {
    api: Api,
    /// What happened to the fleet meanwhile.
    pub timeline: Timeline,
    seen: Mutex<Seen>,
}

/// What clients saw.
#[derive(Debug)]
pub struct Seen {
    /// How often which answer came, and when.
    pub statistics: Statistics,
    /// Each answer that the auditor has to know.
    pub told: Vec<Told>,
    /// Answers that are not documented, and connections that broke though the gateway was there.
    pub faults: Vec<String>,
    /// How many of them there were.
    pub faulty: u64,
    /// How often there was no answer while the gateway was away.
    pub excused: u64,
}

/// What is asked of the match context, or of the visit context, and for which match.
#[derive(Debug, Clone, Copy)]
pub struct Matter {
    heard: Heard,
    id: i64,
    price: Option<i64>,
}

impl Matter {
    const fn new(heard: Heard, id: i64, price: Option<i64>) -> Self {
        Self { heard, id, price }
    }
}

impl Clients {
    /// Clients of this gateway, for a run of this length.
    pub fn new(api: Api, length: Duration) -> Self {
        let statistics = Statistics::of(length, LINES);
        let seen = Seen { statistics, told: Vec::new(), faults: Vec::new(), faulty: 0, excused: 0 };
        Self { api, timeline: Timeline::begin(), seen: Mutex::new(seen) }
    }

    /// What was seen so far.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A student asks for a match under this id.
    pub async fn request(&self, asked: Asked, id: i64, price: i64) -> Option<Answer> {
        let body = json!({ "id": id, "price": price, "status": "matchRequest" });
        let answer = self.ask(asked, "POST", "/matches", Some(&body), None).await;
        self.told(Matter::new(Heard::Request, id, Some(price)), answer.as_ref());
        answer
    }

    /// A student asks for a match, and leaves its id to the fleet. The same key is the same match.
    pub async fn request_new(&self, asked: Asked, key: &str, price: i64) -> Option<Answer> {
        let answer = self.ask(asked, "POST", "/matches", Some(&json!({ "price": price })), Some(key)).await;
        // Who gets no id cannot tell which match it was.
        if let Some(id) = answer.as_ref().and_then(|answer| answer.body["id"].as_i64()) {
            self.told(Matter::new(Heard::Request, id, Some(price)), answer.as_ref());
        }
        answer
    }

    /// The student cancels.
    pub async fn cancel(&self, id: i64) {
        let answer = self
            .ask(Asked::Cancel, "PATCH", &format!("/matches/{id}"), Some(&json!({ "status": "cancel" })), None)
            .await;
        self.told(Matter::new(Heard::Cancel, id, None), answer.as_ref());
    }

    /// A tutor takes the visit.
    pub async fn assign(&self, asked: Asked, id: i64) {
        let body = json!({ "matchId": id, "teacher": format!("TEACHER {}", id % 100), "visitDate": "27/01/21" });
        let answer = self.ask(asked, "POST", "/visits", Some(&body), None).await;
        self.told(Matter::new(Heard::Assign, id, None), answer.as_ref());
    }

    /// Somebody reads.
    pub async fn read(&self, asked: Asked, path: &str) -> Option<Answer> {
        self.ask(asked, "GET", path, None, None).await
    }

    /// A student watches the page of a match live, for so long. How it ends is not looked at: streams break with the gateway.
    pub async fn watch(&self, id: i64, span: Duration) {
        let (asked, path) = (Asked::Live, format!("/myPages/{id}/events"));
        let Ok(get) = "GET".parse() else { return };
        let from = self.timeline.now();
        let mut stream = None;
        let answered = match self.api.request(get, &path).send().await {
            Ok(answer) => {
                let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
                stream = Some(answer);
                Ok(Answer {
                    asked: path,
                    status,
                    headers,
                    body: Value::Null,
                    took: self.timeline.now().saturating_sub(from),
                })
            }
            Err(error) => Err(error.into()),
        };
        if self.heard(asked, from, answered).is_some() {
            sleep(span).await;
        }
        drop(stream);
    }

    /// Something was answered that contradicts what was answered before.
    pub fn contradiction(&self, what: String) {
        self.seen().fault(what);
    }

    async fn ask(
        &self,
        asked: Asked,
        method: &str,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Option<Answer> {
        let from = self.timeline.now();
        let mut request = self.api.request(method.parse().ok()?, path);
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let answered = self.api.send(request).await;
        self.heard(asked, from, answered)
    }

    /// Counts what was answered, and looks whether it is documented.
    fn heard(&self, asked: Asked, from: Duration, answered: Result<Answer>) -> Option<Answer> {
        let to = self.timeline.now();
        let away = self.timeline.gateway_was_away(from, to);
        let mut seen = self.seen();
        seen.statistics.count(to, asked, answered.as_ref().ok().map(|answer| answer.status), to.saturating_sub(from));
        let fault = match &answered {
            Ok(answer) => asked.fault_of(answer),
            Err(_) if away => {
                seen.excused += 1;
                None
            }
            Err(error) => Some(format!("{asked}: no answer from a gateway that was there: {error:#}")),
        };
        if let Some(fault) = fault {
            seen.fault(format!("{:.1} s: {fault}", to.as_secs_f64()));
        }
        answered.ok()
    }

    fn told(&self, matter: Matter, answer: Option<&Answer>) {
        let Matter { heard, id, price } = matter;
        let told =
            Told { at: Some(SystemClock.now()), what: heard, id, price, status: answer.map(|answer| answer.status) };
        self.seen().told.push(told);
    }
}

impl Seen {
    fn fault(&mut self, what: String) {
        self.faulty += 1;
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(what);
        }
    }
}
