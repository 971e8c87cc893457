//! `interactions/payment.json` lists the requests of match to payment, and its conclusions from the responses.

use std::path::Path;
use std::sync::{Arc, Mutex};

use ambient::{Ids, SystemClock};
use axum::body::Bytes;
use axum::http::{Method, StatusCode, Uri};
use axum::{Json, Router};
use chassis::Host;
use clap::Parser;
use context::ServiceClient;
use context::saga::{HttpParticipant, Participant as _, Reply};
use contracts::{ExpectedResponse, Interaction, Interactions, Request};
use events::TraceContext;
use match_domain::MatchAttempt;
use match_service::{RequestSaga, payment};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{Config, id, price};

/// Interactions a payment that gives just this response. What was asked, and what came of it.
async fn ask(mut attempt: MatchAttempt, path: &str, response: &ExpectedResponse) -> (Request, String) {
    let asked: Arc<Mutex<Vec<Request>>> = Arc::default();
    let (seen, status, body) = (Arc::clone(&asked), response.status, Json(Value::Object(response.body.clone())));
    let respond = async move |method: Method, uri: Uri, body_asked: Bytes| {
        let body_asked = serde_json::from_slice(&body_asked).unwrap();
        let request = Request { method: method.to_string(), path: uri.path().to_owned(), body: body_asked };
        seen.lock().unwrap().push(request);
        (StatusCode::from_u16(status).unwrap(), body)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(axum::serve(listener, Router::new().fallback(respond)).into_future());

    let host = Host::new(Arc::new(SystemClock), Arc::new(Ids::from_entropy(Arc::new(SystemClock))));
    let config = Config::parse_from(["match", "--fleet", "test", "--payment-url", &url, "--call-time-limit", "10s"]);
    let calls = payment(ServiceClient::new("match", "payment", &url, &config.own.saga.calls, &host).unwrap());
    let understood = match path {
        "/approvals" => approve(&calls, &mut attempt, &TraceContext::new(&host.ids())).await,
        "/cancellations" => calls.compensate(&attempt).await.map_or("not cancelled", |()| "cancelled").to_owned(),
        other => panic!("match does not call {other}"),
    };
    server.abort();
    let asked = asked.lock().unwrap().pop().expect("payment is asked");
    (asked, understood)
}

async fn approve(calls: &HttpParticipant<RequestSaga>, attempt: &mut MatchAttempt, trace: &TraceContext) -> String {
    match calls.execute(attempt, trace).await {
        Reply::Done => "approved".to_owned(),
        Reply::Declined(problem) => format!("declined: {}", problem.message()),
        Reply::NotSent(_) => "not asked".to_owned(),
        Reply::Unknown => "unknown".to_owned(),
    }
}

/// The attempt that a request is about.
fn attempt(request: &Request) -> MatchAttempt {
    let number = |name: &str| request.body[name].as_i64().unwrap();
    MatchAttempt { id: id(number("matchId")), number: number("attempt"), price: price(number("price")), student: None }
}

async fn hold(interaction: &Interaction) {
    let Interaction { case: about, request, response, understood, .. } = interaction;
    let (asked, came) = ask(attempt(request), &request.path, response).await;
    assert_eq!((&asked, &came), (request, understood), "{about}");
    for name in response.body.keys() {
        let mut less = response.clone();
        less.body.remove(name);
        let (_, came) = ask(attempt(request), &request.path, &less).await;
        assert_ne!(&came, understood, "{about}: `{name}` is stated, but nothing is lost without it");
    }
    let more =
        ExpectedResponse { body: [response.body.clone(), news()].into_iter().flatten().collect(), ..response.clone() };
    assert_eq!(&ask(attempt(request), &request.path, &more).await.1, understood, "{about}: other members mean nothing");
}

/// What payment may say one day.
fn news() -> serde_json::Map<String, Value> {
    json!({ "matchId": "other", "paymentAction": 1, "status": "other", "title": [] }).as_object().unwrap().clone()
}

#[tokio::test]
async fn it_asks_payment_what_it_states_and_understands_each_answer_as_it_states() {
    let asks = Interactions::of(Path::new(env!("CARGO_MANIFEST_DIR")), "payment").unwrap();
    assert!(!asks.interactions.is_empty());
    for interaction in &asks.interactions {
        hold(interaction).await;
    }
}
