//! The `OpenAPI` document and its page.

use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;

use axum::body::{Body, Bytes, to_bytes};
use flate2::read::GzDecoder;
use http::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use crate::fixture::until;
use crate::process::{ends_in_order, free, gateway, status};

/// The folder of a gateway: a routes file that names a document.
fn lay_out(name: &str, document: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("documentation-{name}"));
    std::fs::create_dir_all(&folder).unwrap();
    let routes = "openapi = \"api.json\"\n[upstreams]\nthings = \"http://127.0.0.1:1\"\n\
                  [[routes]]\npath = \"/things\"\nupstream = \"things\"\nmethods = [\"GET\"]\n";
    std::fs::write(folder.join("routes.toml"), routes).unwrap();
    std::fs::write(folder.join("api.json"), document).unwrap();
    folder
}

async fn send(edge: SocketAddr, path: &str) -> Response<Bytes> {
    let request = Request::get(format!("http://{edge}{path}")).body(Body::empty()).unwrap();
    let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
    let (head, body) = answer.into_parts();
    Response::from_parts(head, to_bytes(Body::new(body), 1 << 22).await.unwrap())
}

fn text(answer: &Response<Bytes>) -> &str {
    str::from_utf8(answer.body()).unwrap()
}

#[tokio::test]
async fn the_document_and_its_page_are_served_and_load_nothing_from_elsewhere() {
    let (folder, edge) = (lay_out("served", r#"{"openapi":"3.1.0"}"#), free().await);
    let mut command = gateway();
    command.env("GATEWAY_ROUTES", folder.join("routes.toml")).env("LISTEN", edge.to_string());
    command.env("GATEWAY_RELOAD_EVERY", "20ms");
    let running = command.spawn().unwrap();
    assert_eq!(status(edge, "/readyz").await, 200);
    let get = async |path: &str| send(edge, path).await;

    let document = get("/openapi.json").await;
    assert_eq!(document.headers()["content-type"], "application/json");
    assert_eq!(document.headers()["content-security-policy"], "default-src 'none'; frame-ancestors 'none'");
    assert_eq!(text(&document), r#"{"openapi":"3.1.0"}"#);

    let page = get("/docs").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    let page = text(&page);
    assert!(!page.contains("//") && !page.contains("<script>"), "{page}");
    for (file, word) in [("swagger-ui.css", ".swagger-ui"), ("swagger-ui-bundle.js", "SwaggerUIBundle")] {
        assert!(page.contains(&format!("docs/{file}")), "{page}");
        let answer = get(&format!("/docs/{file}")).await;
        assert_eq!(answer.headers()["content-encoding"], "gzip");
        let mut content = String::new();
        GzDecoder::new(&answer.body()[..]).read_to_string(&mut content).unwrap();
        assert!(content.contains(word), "{file}");
    }
    assert!(page.contains("docs/start.js") && text(&get("/docs/start.js").await).contains("validatorUrl: null"));
    assert_eq!(get("/docs/other").await.status(), 404);

    // A new document is served at once; an invalid one is rejected.
    std::fs::write(folder.join("api.json"), "{}").unwrap();
    let refused = r#"gateway_reloads_total{result="refused"} 1"#;
    until("refused", async || text(&get("/metrics").await).contains(refused)).await;
    assert_eq!(text(&get("/openapi.json").await), r#"{"openapi":"3.1.0"}"#);
    std::fs::write(folder.join("api.json"), r#"{"openapi":"3.1.1"}"#).unwrap();
    until("shown", async || text(&get("/openapi.json").await).contains("3.1.1")).await;
    ends_in_order(running).await;
}

#[tokio::test]
async fn a_document_that_is_none_keeps_the_gateway_from_starting() {
    let folder = lay_out("refused", r#"{"swagger":"2.0"}"#);
    let mut command = gateway();
    command.env("GATEWAY_ROUTES", folder.join("routes.toml"));
    let output = command.output().await.unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && text.contains("api.json (set by openapi in the routes file)"), "{text}");
    assert!(text.contains("it is no document of OpenAPI 3"), "{text}");
}
