use std::sync::Arc;

use audit::Operation;
use http::Method;
use matching_audit::{ASSIGN, CANCEL, REQUEST};
use serde_json::{Value, json};
use simulation::Clients;
use tokio::task::JoinSet;

/// The matches of a run.
const MATCHES: i64 = 10;

/// The usual price.
const PRICE: i64 = 50_000;

/// Students and tutors.
pub(crate) fn actors(clients: &Arc<Clients>) -> JoinSet<()> {
    let mut actors = JoinSet::new();
    for id in 1..=MATCHES {
        let clients = Arc::clone(clients);
        actors.spawn(async move { student(&clients, id).await });
    }
    for _ in 0..3 {
        let clients = Arc::clone(clients);
        actors.spawn(async move { tutor(&clients).await });
    }
    let clients = Arc::clone(clients);
    actors.spawn(async move { eager_tutor(&clients).await });
    actors
}

/// Requests a match, repeats that after a failure, and may cancel it later.
async fn student(clients: &Clients, id: i64) {
    clients.pause(12_000).await;
    let tries = clients.draw(1, 4);
    for _ in 0..tries {
        let price = if clients.draw(0, 9) == 0 { PRICE + 1 } else { PRICE };
        let status = request(clients, id, price).await;
        if matches!(status, Some(200 | 201)) && clients.draw(0, 3) > 0 {
            break;
        }
        clients.pause(3_000).await;
    }
    if clients.draw(0, 2) == 0 {
        clients.pause(6_000).await;
        for _ in 0..clients.draw(1, 3) {
            cancel(clients, id).await;
            clients.pause(1_000).await;
        }
    }
}

/// Accepts visits of some matches, whether they are listed or not.
async fn tutor(clients: &Clients) {
    for _ in 0..clients.draw(4, 12) {
        clients.pause(3_000).await;
        let id = clients.draw(1, MATCHES);
        assign(clients, id).await;
    }
}

/// Polls the list, and accepts a listed visit at once.
async fn eager_tutor(clients: &Clients) {
    for _ in 0..clients.draw(20, 80) {
        clients.pause(600).await;
        if let Some(id) = any_listed(clients).await {
            assign(clients, id).await;
        }
    }
}

/// One of the listed visit requests.
async fn any_listed(clients: &Clients) -> Option<i64> {
    let list = clients.send("visit", Method::GET, "/visitReqLists", &Value::Null).await?;
    let list: Value = serde_json::from_slice(&list.body).ok()?;
    let listed = list["_embedded"]["visitReqLists"].as_array()?;
    listed.get(clients.index(listed.len()))?["id"].as_i64()
}

async fn request(clients: &Clients, id: i64, price: i64) -> Option<u16> {
    let body = json!({ "id": id, "price": price });
    let status = status_of(clients, "match", Method::POST, "/matches", &body).await;
    clients.record(Operation::new(REQUEST, id, status).with("price", price));
    status
}

async fn cancel(clients: &Clients, id: i64) {
    let body = json!({ "status": "cancel" });
    let status = status_of(clients, "match", Method::PATCH, &format!("/matches/{id}"), &body).await;
    clients.record(Operation::new(CANCEL, id, status));
}

async fn assign(clients: &Clients, id: i64) {
    let body = json!({ "matchId": id, "teacher": "TEACHER", "visitDate": "2027-01-21" });
    let status = status_of(clients, "visit", Method::POST, "/visits", &body).await;
    clients.record(Operation::new(ASSIGN, id, status));
}

/// The status of the response, if there is one.
async fn status_of(clients: &Clients, context: &str, method: Method, path: &str, body: &Value) -> Option<u16> {
    clients.send(context, method, path, body).await.map(|response| response.status.as_u16())
}
