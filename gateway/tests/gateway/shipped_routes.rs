//! The shipped routes files: of the fleet "matching", and of "storagerent", which pages of other origins may use.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use gateway::config::Config;

use crate::fixture::{Gateway, Service, assert_problem, text};

const SHIPPED: &str = include_str!("../../../services/matching/gateway.toml");

const STORAGERENT: &str = include_str!("../../../services/storagerent/gateway.toml");

/// Every row of the specification's table, and the context that answers it.
const ROWS: [(&str, &str, &str); 17] = [
    ("POST", "/matches", "match"),
    ("GET", "/matches/5000", "match"),
    ("GET", "/matches?cursor=x&size=5", "match"),
    ("PATCH", "/matches/5000", "match"),
    ("PUT", "/matches/5000", "match"),
    ("GET", "/payments/5000", "payment"),
    ("GET", "/payments", "payment"),
    ("HEAD", "/payments", "payment"),
    ("GET", "/visitReqLists", "visit"),
    ("GET", "/visitReqLists/5000", "visit"),
    ("POST", "/visits", "visit"),
    ("GET", "/visits/5000", "visit"),
    ("GET", "/visits", "visit"),
    ("GET", "/myPages/5000", "mypage"),
    ("GET", "/myPages", "mypage"),
    ("HEAD", "/myPages/5000", "mypage"),
    ("GET", "/myPages/5000/events", "mypage"),
];

/// The shipped file, with services that name themselves.
async fn fleet() -> Gateway {
    let mut routes = SHIPPED.to_owned();
    for (name, port) in [("match", 8081), ("visit", 8082), ("payment", 8083), ("mypage", 8084)] {
        let echo =
            async move |request: Request| ([("x-service", name)], format!("{} {}", request.method(), request.uri()));
        let service = Service::start(Router::new().fallback(echo)).await;
        let local = format!("{name} = \"http://127.0.0.1:{port}\"");
        assert!(routes.contains(&local), "{local}");
        routes = routes.replace(&local, &format!("{name} = \"http://{}\"", service.address));
    }
    Gateway::start(&routes).await
}

#[tokio::test]
async fn every_row_of_the_table_reaches_its_context() {
    let gateway = fleet().await;
    for (method, path, context) in ROWS {
        let response = gateway.send(gateway.request(method, path).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), 200, "{method} {path}");
        assert_eq!(response.headers()["x-service"], context, "{method} {path}");
        let body = text(response).await;
        assert!(method == "HEAD" || body == format!("{method} {path}"), "{body}");
    }
}

#[tokio::test]
async fn internal_operations_of_the_fleet_are_rejected() {
    let gateway = fleet().await;
    for path in ["/payments", "/payments/5000", "/myPages", "/myPages/5000", "/visitReqLists", "/visitReqLists/5000"] {
        for method in ["POST", "PATCH", "PUT", "DELETE"] {
            let response = gateway.send(gateway.request(method, path).body(Body::empty()).unwrap()).await;
            assert_eq!(response.headers()["allow"], "GET, HEAD, OPTIONS", "{method} {path}");
            assert_problem(response, 405).await;
        }
    }
    let allowed = [
        ("DELETE", "/matches/5000", "GET, HEAD, PATCH, PUT, OPTIONS"),
        ("PATCH", "/matches", "GET, HEAD, POST, OPTIONS"),
        ("POST", "/visits/5000", "GET, HEAD, OPTIONS"),
    ];
    for (method, path, allow) in allowed {
        let response = gateway.send(gateway.request(method, path).body(Body::empty()).unwrap()).await;
        assert_eq!(response.headers()["allow"], allow, "{method} {path}");
        assert_problem(response, 405).await;
    }
    for path in ["/approvals", "/approvals/5000", "/metrics/match", "/livez/x"] {
        assert_problem(gateway.get(path).await, 404).await;
    }
}

#[test]
fn the_shipped_file_opens_the_live_streams_as_streams_and_nothing_else_and_no_other_origin() {
    let config = Config::parse(SHIPPED, |_| None).unwrap();
    let streams: Vec<String> =
        config.routes.iter().filter(|route| route.stream).map(|route| route.path.to_string()).collect();
    assert_eq!(streams, ["/flotilla.matching.v1.Matches/Watch", "/myPages/*/events"]);
    let grpc: Vec<String> =
        config.routes.iter().filter(|route| route.grpc).map(|route| route.path.to_string()).collect();
    assert_eq!(grpc, ["/flotilla.matching.v1.Matches", "/flotilla.matching.v1.Matches/Watch"]);
    assert!(config.cors.is_none());
}

#[tokio::test]
async fn pages_from_this_machine_may_send_requests_to_storagerent_and_other_pages_may_not() {
    let gateway = Gateway::start(STORAGERENT).await;
    for (origin, allowed) in [("http://localhost:3000", true), ("https://stranger.example", false)] {
        let preflight = gateway
            .request("OPTIONS", "/payments")
            .header("origin", origin)
            .header("access-control-request-method", "GET")
            .body(Body::empty());
        let response = gateway.send(preflight.unwrap()).await;
        let answered = response.headers().get("access-control-allow-origin").map(|value| value.to_str().unwrap());
        assert_eq!(answered, allowed.then_some(origin), "{origin}");
    }
}

#[test]
fn the_cors_example_in_the_shipped_file_is_valid() {
    let example: String = SHIPPED
        .lines()
        .skip_while(|line| *line != "# [cors]")
        .fold(String::new(), |text, line| text + line.trim_start_matches("# ") + "\n");
    assert!(example.contains("origins"));
    assert!(Config::parse(&format!("{SHIPPED}\n{example}"), |_| None).unwrap().cors.is_some());
}
