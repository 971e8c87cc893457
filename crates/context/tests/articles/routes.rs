//! Routes that are not those of one kind of documents.

use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{Request, StatusCode};
use axum::{Extension, Router};
use chassis::body::{Fields, required};
use chassis::conditional::Conditions;
use chassis::openapi::{self, object, positive, text};
use chassis::problem::Problem;
use chassis::{Principal, Scope};
use context::{Repository, Route, check_conditions, created_or, outcome_or, store_problem};
use serde_json::{Value, json};
use test_stores::on_sqlite;
use tower::ServiceExt;
use utoipa::openapi::path::{HttpMethod, Parameter, ParameterIn};
use utoipa_axum::router::OpenApiRouter;

use crate::following::ShelvedDocument;
use crate::{Article, ArticleDocument, World, priced};

type Articles = State<Repository<Article>>;

/// A command with a condition: whether the price of an article may be read aloud.
async fn read_aloud(
    State(articles): Articles,
    Path(number): Path<String>,
    conditions: Conditions,
) -> Result<&'static str, Problem> {
    let article = articles.find(&number, &Scope::All).await.map_err(store_problem)?;
    let article = article.ok_or_else(|| Problem::not_found("no row"))?;
    check_conditions::<ArticleDocument>(&conditions, &number, &article)?;
    Ok("read")
}

async fn rename(Path(number): Path<String>, fields: Fields) -> Result<String, Problem> {
    Ok(format!("{number}: {}", required(fields.text("name", 10)?, "name")?))
}

fn route(method: HttpMethod, id: &'static str) -> Route {
    Route {
        method,
        path: "/articles/{number}/name",
        id,
        about: "The name of an article.",
        parameters: vec![Parameter::builder().name("number").parameter_in(ParameterIn::Path).build()],
        request: None,
        responses: outcome_or(
            "It is so.",
            object("The name.").property("name", text("It.")),
            [Problem::not_found("no")],
        ),
    }
}

fn routes() -> OpenApiRouter<Repository<Article>> {
    let size = positive("Of the letters.");
    let name = object("A name.").property("name", text("It.")).property("size", size).required("name");
    let put = Route { request: Some(openapi::required(name)), ..route(HttpMethod::Put, "putName") };
    let read = Route { path: "/articles/{number}/reading", ..route(HttpMethod::Post, "readAloud") };
    route(HttpMethod::Get, "showName")
        .handled_by(async || "shown")
        .merge(put.handled_by(rename))
        .merge(route(HttpMethod::Patch, "patchName").handled_by(async || "patched"))
        .merge(route(HttpMethod::Delete, "deleteName").handled_by(async || StatusCode::NO_CONTENT))
        .merge(read.handled_by(read_aloud))
}

async fn send(world: &World, request: Request<Body>) -> (u16, String) {
    let routes = Router::from(routes()).with_state(world.articles.clone()).layer(Extension(Principal::Unauthenticated));
    let service = chassis::router(routes, &world.host, &chassis::Config::default());
    let (head, body) = service.oneshot(request).await.unwrap().into_parts();
    (head.status.as_u16(), String::from_utf8(to_bytes(body, 1 << 16).await.unwrap().to_vec()).unwrap())
}

fn request(method: &str, path: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    request.body(Body::from(r#"{"name":"lamp"}"#)).unwrap()
}

#[test]
fn a_route_has_one_handler_for_each_of_its_methods() {
    on_sqlite(async |place| {
        let world = World::on(place).await;
        for (method, status, body) in
            [("GET", 200, "shown"), ("PUT", 200, "A: lamp"), ("PATCH", 200, "patched"), ("DELETE", 204, "")]
        {
            let answer = send(&world, request(method, "/articles/A/name")).await;
            assert_eq!(answer, (status, body.to_owned()), "{method}");
        }
        assert_eq!(send(&world, request("POST", "/articles/A/name")).await.0, 405);
    });
}

#[test]
fn a_route_is_in_the_document_with_its_parameters_its_body_and_its_responses() {
    let document = serde_json::to_value(routes().into_openapi()).unwrap();
    let name = &document["paths"]["/articles/{number}/name"];
    for (method, id) in [("get", "showName"), ("put", "putName"), ("patch", "patchName"), ("delete", "deleteName")] {
        let operation = &name[method];
        assert_eq!((&operation["operationId"], &operation["summary"]), (&json!(id), &json!("The name of an article.")));
        assert_eq!(operation["parameters"][0]["name"], "number", "{id}");
        let statuses: Vec<&String> = operation["responses"].as_object().unwrap().keys().collect();
        assert_eq!(statuses, ["200", "404"], "{id}");
        let required = &operation["requestBody"]["content"]["application/json"]["schema"]["required"];
        assert_eq!(*required, if id == "putName" { json!(["name"]) } else { Value::Null }, "{id}");
    }
}

#[test]
fn a_command_is_refused_unless_its_conditions_allow_it_and_there_is_a_document() {
    on_sqlite(async |place| {
        let world = World::on(place).await;
        world.consume(vec![priced("A", 1, 10, "kim")]).await;
        let mut tx = world.store.begin().await.unwrap();
        sqlx::query("INSERT INTO articles (number) VALUES ('B')").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        let read = |number: &str, condition: &str| {
            let request =
                Request::post(format!("/articles/{number}/reading")).header("content-type", "application/json");
            let condition = condition.split_once(": ");
            let request = condition.into_iter().fold(request, |request, (name, value)| request.header(name, value));
            request.body(Body::empty()).unwrap()
        };
        for (number, condition, status) in [
            ("A", "", 200),
            ("A", "if-match: *", 200),
            ("A", "if-match: \"0\"", 412),
            ("A", "if-none-match: *", 412),
            ("A", "if-none-match: \"0\"", 200),
            ("B", "", 404),
        ] {
            let (answered, body) = send(&world, read(number, condition)).await;
            assert_eq!(answered, status, "{number} {condition} {body}");
        }
        assert!(send(&world, read("B", "")).await.1.contains("there is no article B"));
    });
}

#[test]
fn the_link_to_a_new_document_names_the_properties_of_its_path() {
    let links = |response: &Value| response["links"]["show"]["parameters"].clone();
    let plain = serde_json::to_value(&created_or::<ArticleDocument>([])["201"]).unwrap();
    assert_eq!(links(&plain), json!({ "id": "$response.body#/id" }));
    let shelved = serde_json::to_value(&created_or::<ShelvedDocument>([])["201"]).unwrap();
    assert_eq!(links(&shelved), json!({ "shelf": "$response.body#/shelf", "id": "$response.body#/id" }));
}
