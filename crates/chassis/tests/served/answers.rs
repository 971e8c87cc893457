use std::net::SocketAddr;
use std::time::Duration;

use axum::routing::{get, post};
use axum::{Extension, Router};
use chassis::Peer;
use chassis::body::Id;
use chassis::problem::Problem;
use chassis::trace::Trace;
use reqwest::StatusCode;
use serde_json::json;

use crate::{Service, problem};

#[tokio::test]
async fn an_unknown_path_is_a_404_problem_that_names_it() {
    let service = Service::routes(Router::new()).await;
    let (status, document) = problem(service.get("/nowhere?at=all").await).await;
    assert_eq!((status, document["type"].as_str()), (404, Some("urn:flotilla:problem:not-found")));
    assert_eq!(document["detail"], "no resource has the path /nowhere");
}

#[tokio::test]
async fn an_unknown_method_is_a_405_problem_with_the_methods_that_are_known() {
    let routes = Router::new().route("/things", get("").post("")).nest("/deep", Router::new().route("/down", post("")));
    let service = Service::routes(routes).await;
    for (path, allowed) in [("/things", "GET,HEAD,POST"), ("/deep/down", "POST"), ("/livez", "GET,HEAD")] {
        let response = service.send(service.client.delete(service.url(path))).await;
        assert_eq!(response.headers()["allow"], allowed);
        assert_eq!(problem(response).await.0, 405);
    }
}

#[tokio::test]
async fn a_handler_that_panics_answers_500_and_the_service_lives_on() {
    async fn broken() -> String {
        panic!("a secret that stays inside")
    }
    let service = Service::routes(Router::new().route("/broken", get(broken)).route("/whole", get("fine"))).await;
    for _ in 0..3 {
        let (status, document) = problem(service.get("/broken").await).await;
        assert_eq!(status, 500);
        assert!(!document.to_string().contains("secret"));
    }
    assert_eq!(service.get("/whole").await.text().await.unwrap(), "fine");
}

#[tokio::test]
async fn an_id_in_the_path_is_a_positive_exact_number_or_there_is_nothing() {
    let show = async |Id(id): Id| id.to_string();
    let routes = Router::new().route("/things/{id}", get(show)).route("/{kind}/{id}/parts", get(show));
    let service = Service::routes(routes).await;
    for path in ["/things/5000", "/things/5000/parts", "/others/5000/parts"] {
        assert_eq!(service.get(path).await.text().await.unwrap(), "5000", "{path}");
    }
    for id in ["0", "-1", "+1", "1.0", "five", "9007199254740992", "99999999999999999999", "%ff", "%00"] {
        let (status, document) = problem(service.get(&format!("/things/{id}")).await).await;
        assert_eq!(status, 404, "{id}");
        assert_eq!(document["detail"], "an id is a whole number from 1 to 9007199254740991");
    }
}

#[tokio::test]
async fn retry_after_is_in_whole_seconds_rounded_up() {
    let busy = |span| get(async move || Problem::unavailable("busy", span));
    let routes = Router::new()
        .route("/soon", busy(Duration::from_millis(1)))
        .route("/now", busy(Duration::ZERO))
        .route("/later", busy(Duration::from_millis(2001)));
    let service = Service::routes(routes).await;
    for (path, seconds) in [("/soon", "1"), ("/now", "1"), ("/later", "3")] {
        let response = service.get(path).await;
        assert_eq!(response.headers()["retry-after"], seconds, "{path}");
        assert_eq!(problem(response).await.0, 503);
    }
}

#[tokio::test]
async fn a_problem_has_its_extension_members_beside_its_own() {
    let taken = || Problem::new(StatusCode::CONFLICT, "taken", "It is taken").detail("by kim");
    let routes = Router::new()
        .route("/plain", get(async move || taken()))
        .route("/more", get(async move || taken().member("by", "kim").member("seats", 2)));
    let service = Service::routes(routes).await;
    let plain =
        json!({ "type": "urn:flotilla:problem:taken", "title": "It is taken", "status": 409, "detail": "by kim" });
    assert_eq!(problem(service.get("/plain").await).await, (409, plain.clone()));
    let mut more = plain;
    (more["by"], more["seats"]) = ("kim".into(), 2.into());
    assert_eq!(problem(service.get("/more").await).await, (409, more));
}

#[tokio::test]
async fn a_request_goes_on_with_the_trace_it_came_with_or_begins_one() {
    let show = async |Trace(one): Trace, Trace(other): Trace| {
        assert_eq!(one, other);
        one.to_string()
    };
    let service = Service::routes(Router::new().route("/", get(show))).await;
    let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let trace_of = async |header: &str| {
        let request = service.client.get(service.url("/")).header("traceparent", header);
        service.send(request).await.text().await.unwrap()
    };
    let child = trace_of(given).await;
    assert_eq!(child[..36], given[..36]);
    assert_ne!(child[36..52], given[36..52]);
    let (new, newer) = (trace_of("nonsense").await, trace_of("nonsense").await);
    assert_eq!(new.len(), given.len());
    assert_ne!(new[3..35], newer[3..35]);
}

#[tokio::test]
async fn a_handler_can_see_the_address_of_the_client() {
    let show = async |Extension(Peer(peer)): Extension<Peer>| peer.to_string();
    let service = Service::routes(Router::new().route("/", get(show))).await;
    let peer: SocketAddr = service.get("/").await.text().await.unwrap().parse().unwrap();
    assert!(peer.ip().is_loopback());
    assert_ne!(peer, service.address);
}
