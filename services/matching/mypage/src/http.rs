use std::sync::Arc;

use axum::extract::State;
use axum::{Json, Router};
use chassis::body::Id;
use chassis::openapi;
use chassis::page::PageRequest;
use chassis::problem::Problem;
use chassis::{Asker, Host, Scope};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::bodies::{MyPage, MyPageList};
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
    Router::from(handlers()).with_state(Arc::new(Pages { store, changes, host }))
}

/// What the context promises over HTTP.
pub fn document() -> OpenApi {
    let about = "What a student sees of a match, and as it happens.";
    openapi::document("mypage", about, env!("CARGO_PKG_VERSION"), handlers().into_openapi())
}

fn handlers() -> OpenApiRouter<Arc<Pages>> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(show)).routes(routes!(stream::follow))
}

/// A student sees his own pages, an operator all.
pub(crate) fn scope(asker: Asker) -> Result<Scope, Problem> {
    asker.scope("student", "operator")
}

/// The page of a match. Students see their own ones, operators all.
#[utoipa::path(
    get,
    path = "/myPages/{id}",
    operation_id = "showMyPage",
    params(Id),
    responses((status = 200, body = MyPage, description = "The page.")),
)]
async fn show(State(pages): State<Arc<Pages>>, asker: Asker, Id(id): Id) -> Result<Json<MyPage>, Problem> {
    let found = pages.store.find(id, &scope(asker)?).await.map_err(store::problem)?;
    found.map(|page| Json(MyPage::new(&page))).ok_or_else(|| unknown(id))
}

/// The pages in the order of their matches. Students see their own ones, operators all.
#[utoipa::path(
    get,
    path = "/myPages",
    operation_id = "listMyPages",
    params(PageRequest<1>),
    responses((status = 200, body = MyPageList, description = "A page of pages.")),
)]
async fn list(
    State(pages): State<Arc<Pages>>,
    asker: Asker,
    request: PageRequest<1>,
) -> Result<Json<MyPageList>, Problem> {
    let scope = scope(asker)?;
    let after = request.after_number();
    let found = pages.store.page(&scope, after, request.size).await.map_err(store::problem)?;
    let next = found.end().map(|last| [last.id]);
    Ok(Json(MyPageList::new(found.items.iter().map(MyPage::new).collect(), &request, next)))
}

pub(crate) fn unknown(id: i64) -> Problem {
    Problem::not_found(format!("there is no page of match {id}"))
}
