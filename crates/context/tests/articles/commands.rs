//! Commands over HTTP: a deletion that may be repeated, a command on one row, and the replacement of what there is one of.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::routing::patch;
use axum::{Json, Router};
use chassis::body::{Fields, Id};
use chassis::openapi::{Responses, object, positive};
use chassis::problem::Problem;
use context::{Deletion, Repository, Resource, Visibility, outcome_or};
use serde_json::{Value, json};
use test_stores::on_each_store;
use tower::ServiceExt;
use utoipa::openapi::path::HttpMethod;
use utoipa_axum::router::OpenApiRouter;

use crate::{Article, ArticleDocument, ArticleEvent, Withdrawn, World, priced};

const WITHDRAW: Deletion<Article, ArticleEvent> = Deletion {
    id: "withdrawArticle",
    about: "Withdraws an article.",
    total: "articles_withdrawn_total",
    apply: |article| {
        article.price = None;
        Ok(Some(Withdrawn { number: article.number.clone() }.into()))
    },
    repeated: |article| article.price.is_none(),
    problems: Vec::new,
};

fn done() -> Responses {
    outcome_or("It is so.", object("The outcome.").property("size", positive("A size.")), [])
}

async fn label(Id(number): Id<String>, fields: Fields) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "number": number, "size": fields.whole_number("size", 1..=9)? })))
}

fn routes() -> OpenApiRouter<Repository<Article>> {
    let size = || object("A size.").property("size", positive("A size."));
    Resource::<ArticleDocument, _>::new(Visibility::Owned { own: "seller", all: "clerk" })
        .delete(&WITHDRAW)
        .command_on(HttpMethod::Patch, ("labelArticle", "Labels it."), Some(size()), done(), patch(label))
        .into_router()
}

async fn send(world: &World, method: Method, path: &str) -> (StatusCode, String) {
    let routes = Router::from(routes()).with_state(world.articles.clone());
    let service = chassis::router(routes, &world.host, &chassis::Config::default());
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let (head, body) = service.oneshot(request.body(Body::from("{\"size\":3}")).unwrap()).await.unwrap().into_parts();
    let body = axum::body::to_bytes(body, 1 << 16).await.unwrap();
    (head.status, String::from_utf8(body.to_vec()).unwrap())
}

#[test]
fn a_deletion_is_answered_alike_when_it_is_repeated_and_happens_once() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.consume(vec![priced("A-1", 2, 10, "kim")]).await;
        for _ in 0..2 {
            assert_eq!(send(&world, Method::DELETE, "/articles/A-1").await.0, StatusCode::NO_CONTENT);
        }
        assert_eq!(send(&world, Method::DELETE, "/articles/B-1").await.0, StatusCode::NOT_FOUND);
        assert_eq!(world.staged().await, [("A-1".to_owned(), "Withdrawn".to_owned())]);
    });
}

#[test]
fn commands_of_their_own_are_routed_and_described() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let labelled = send(&world, Method::PATCH, "/articles/A-1").await;
        assert_eq!(labelled, (StatusCode::OK, json!({ "number": "A-1", "size": 3 }).to_string()));
        let paths = serde_json::to_value(routes().into_openapi()).unwrap()["paths"].clone();
        assert_eq!(paths["/articles/{id}"]["patch"]["operationId"], "labelArticle");
    });
}
