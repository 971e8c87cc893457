use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use chassis::body::{Fields, Id, required};
use chassis::page::{PageRequest, page};
use chassis::problem::Problem;
use chassis::trace::Trace;
use chassis::{Asker, Host};
use match_domain::{Established, MatchId, Price};
use serde_json::{Value, json};

use crate::app::{App, Canceled};
use crate::asking::{OPERATOR, STUDENT, Wish, match_id, student, unknown};

/// `/matches`: who calls what.
pub fn routes(app: Arc<App>, host: Host) -> Router {
    Router::new()
        .route("/matches", get(list).post(request))
        .route("/matches/{id}", get(show).patch(cancel).put(cancel))
        .layer(Extension(host))
        .with_state(app)
}

async fn request(
    State(app): State<Arc<App>>,
    Extension(host): Extension<Host>,
    asker: Asker,
    Trace(trace): Trace,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Problem> {
    let student = student(asker)?;
    let id = fields.whole_number("id", 1..=MatchId::MAX)?;
    let price = fields.whole_number("price", 1..=Price::MAX)?;
    if !matches!(fields.text("status", 100)?, None | Some("matchRequest")) {
        return Err(Problem::unprocessable_field("status", "must be \"matchRequest\", or left out"));
    }
    let wish = Wish::new(student, id, price, &headers)?;
    let (established, known) = wish.request(app, &host, trace).await?.told()?;
    Ok(answer(&established, known))
}

/// The answer to a request that has its match, new or known.
fn answer(established: &Established, known: bool) -> Response {
    let document = Json(body(established));
    if known {
        return document.into_response();
    }
    (StatusCode::CREATED, [(header::LOCATION, path(established))], document).into_response()
}

async fn cancel(
    State(app): State<Arc<App>>,
    asker: Asker,
    Id(id): Id,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Json<Value>, Problem> {
    let student = student(asker)?;
    let rule = "must be \"cancel\": that is all that can be changed";
    if required(fields.text("status", 100)?, "status")? != "cancel" {
        return Err(Problem::unprocessable_field("status", rule));
    }
    match app.cancel(match_id(id)?, student.as_ref(), trace).await.map_err(store::problem)? {
        Canceled::Yes(established) => Ok(Json(body(&established))),
        Canceled::Unknown => Err(unknown(id)),
    }
}

async fn show(State(app): State<Arc<App>>, asker: Asker, Id(id): Id) -> Result<Json<Value>, Problem> {
    let scope = asker.scope(STUDENT, OPERATOR)?;
    let found = app.find(match_id(id)?, &scope).await.map_err(store::problem)?;
    found.map(|established| Json(body(&established))).ok_or_else(|| unknown(id))
}

async fn list(State(app): State<Arc<App>>, asker: Asker, request: PageRequest<1>) -> Result<Json<Value>, Problem> {
    let scope = asker.scope(STUDENT, OPERATOR)?;
    let after = request.after.map_or(0, |[after]| after);
    let found = app.page(&scope, after, request.size).await.map_err(store::problem)?;
    let next = found.end().map(|last| [last.case.id.get()]);
    Ok(page("/matches", "matches", found.items.iter().map(body).collect(), &request, next))
}

fn path(established: &Established) -> String {
    format!("/matches/{}", established.case.id.get())
}

fn body(established: &Established) -> Value {
    let this = json!({ "href": path(established) });
    let links =
        if established.is_canceled() { json!({ "self": this }) } else { json!({ "self": this, "cancel": this }) };
    json!({
        "id": established.case.id.get(),
        "price": established.case.price.get(),
        "status": established.step.name(),
        "_links": links,
    })
}
