use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use chassis::body::Id;
use chassis::page::{PageRequest, page};
use chassis::problem::Problem;
use chassis::{Asker, Host, Scope};
use mypage_domain::MyPage;
use serde_json::{Map, Value, json};

use crate::changes::Changes;
use crate::store::MyPageStore;
use crate::stream;

/// What the handlers need.
pub struct Pages {
    pub(crate) store: MyPageStore,
    pub(crate) changes: Arc<Changes>,
    pub(crate) host: Host,
}

/// Who calls what. Nothing can be changed here: events alone feed the pages.
pub fn routes(store: MyPageStore, changes: Arc<Changes>, host: Host) -> Router {
    Router::new()
        .route("/myPages", get(list))
        .route("/myPages/{id}", get(show))
        .route("/myPages/{id}/events", get(stream::follow))
        .with_state(Arc::new(Pages { store, changes, host }))
}

/// A student sees his own pages, an operator all.
pub(crate) fn scope(asker: Asker) -> Result<Scope, Problem> {
    asker.scope("student", "operator")
}

async fn show(State(pages): State<Arc<Pages>>, asker: Asker, Id(id): Id) -> Result<Json<Value>, Problem> {
    let found = pages.store.find(id, &scope(asker)?).await.map_err(store::problem)?;
    found.map(|page| Json(body(&page))).ok_or_else(|| unknown(id))
}

async fn list(State(pages): State<Arc<Pages>>, asker: Asker, request: PageRequest<1>) -> Result<Json<Value>, Problem> {
    let scope = scope(asker)?;
    let after = request.after.map_or(0, |[after]| after);
    let found = pages.store.page(&scope, after, request.size).await.map_err(store::problem)?;
    let next = found.end().map(|last| [last.id]);
    Ok(page("/myPages", "myPages", found.items.iter().map(body).collect(), &request, next))
}

pub(crate) fn unknown(id: i64) -> Problem {
    Problem::not_found(format!("there is no page of match {id}"))
}

pub(crate) fn body(page: &MyPage) -> Value {
    let this = format!("/myPages/{}", page.id);
    let steps: Map<String, Value> =
        page.steps().map(|(step, at)| (step.name().into(), at.to_string().into())).collect();
    json!({
        "id": page.id,
        "price": page.price,
        "status": page.status().map(match_contract::Step::name),
        "teacher": page.teacher,
        "visitDate": page.visit_date,
        "steps": steps,
        "_links": { "self": { "href": this }, "events": { "href": format!("{this}/events") } },
    })
}
