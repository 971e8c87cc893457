//! The routes file changes during requests.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::fixture::{Service, text, until};
use crate::process::{ends_in_order, free, gateway, status};

/// A gateway process and its routes file.
struct Site {
    file: PathBuf,
    edge: SocketAddr,
    gateway: Child,
}

impl Site {
    async fn start(routes: &str, look_every: &str) -> Self {
        let edge = free().await;
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("reloading-{}.toml", edge.port()));
        std::fs::write(&file, routes).unwrap();
        let mut command = gateway();
        command.env("GATEWAY_ROUTES", &file).env("LISTEN", edge.to_string()).env("GATEWAY_RELOAD_EVERY", look_every);
        let gateway = command.spawn().unwrap();
        assert_eq!(status(edge, "/readyz").await, 200);
        Self { file, edge, gateway }
    }

    /// Atomically, as a config map is replaced.
    fn write(&self, routes: &str) {
        let new = self.file.with_extension("new");
        std::fs::write(&new, routes).unwrap();
        std::fs::rename(new, &self.file).unwrap();
    }

    async fn get(&self, path: &str) -> (u16, String) {
        send(self.edge, path).await
    }

    async fn wait_for(&self, path: &str, status: u16, body: &str) {
        let what = format!("{path} becomes {status} {body}");
        until(&what, async || self.get(path).await == (status, body.to_owned())).await;
    }

    async fn wait_for_metric(&self, line: &str) {
        until(line, async || self.get("/metrics").await.1.lines().any(|one| one == line)).await;
    }
}

async fn send(edge: SocketAddr, path: &str) -> (u16, String) {
    let request = http::Request::get(format!("http://{edge}{path}")).body(Body::empty()).unwrap();
    let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap().map(Body::new);
    (answer.status().as_u16(), text(answer).await)
}

async fn service(name: &'static str) -> Service {
    let slow = async move || {
        sleep(Duration::from_millis(200)).await;
        name
    };
    Service::start(Router::new().route("/things/slow", axum::routing::get(slow)).fallback(async move || name)).await
}

fn routes(service: &Service, more: &str) -> String {
    format!(
        "[upstreams]\nthings = \"http://{}\"\n\
         [[routes]]\npath = \"/things\"\nupstream = \"things\"\nmethods = [\"GET\"]\n{more}",
        service.address
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_lost_while_the_routes_change() {
    let (one, two) = (service("one").await, service("two").await);
    let site = Site::start(&routes(&one, ""), "20ms").await;
    let (done, requests) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let (edge, done, requests) = (site.edge, Arc::clone(&done), Arc::clone(&requests));
            let path = if client == 0 { "/things/slow" } else { "/things" };
            tokio::spawn(async move {
                while !done.load(Ordering::SeqCst) {
                    let (status, body) = send(edge, path).await;
                    assert!(status == 200 && ["one", "two"].contains(&body.as_str()), "{status} {body}");
                    requests.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for round in 0..10 {
        let (service, name) = if round % 2 == 0 { (&two, "two") } else { (&one, "one") };
        site.write(&routes(service, ""));
        site.wait_for("/things", 200, name).await;
        site.write("nonsense");
    }
    done.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.unwrap();
    }
    assert!(requests.load(Ordering::SeqCst) > 50, "too few requests");
    ends_in_order(site.gateway).await;
}

#[tokio::test]
async fn an_invalid_file_is_rejected_and_the_previous_one_stays_in_force() {
    let one = service("one").await;
    let site = Site::start(&routes(&one, ""), "20ms").await;
    let guarded = routes(&one, "[identity]\nissuer = \"https://id.example\"\naudience = \"x\"\n");
    for (count, bad) in [(1, "nonsense"), (2, ""), (3, &guarded)] {
        site.write(bad);
        site.wait_for_metric(&format!(r#"gateway_reloads_total{{result="refused"}} {count}"#)).await;
        assert_eq!(site.get("/things").await, (200, "one".to_owned()), "{bad}");
    }
    let more = "[[routes]]\npath = \"/more\"\nupstream = \"things\"\nmethods = [\"GET\"]\n";
    site.write(&routes(&one, more));
    site.wait_for("/more", 200, "one").await;
    site.wait_for_metric(r#"gateway_reloads_total{result="current"} 1"#).await;
    ends_in_order(site.gateway).await;
}

#[tokio::test]
async fn sighup_reloads_the_file_at_once() {
    let (one, two) = (service("one").await, service("two").await);
    let site = Site::start(&routes(&one, ""), "1h").await;
    site.write(&routes(&two, ""));
    let pid = site.gateway.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().await.unwrap().success());
    site.wait_for("/things", 200, "two").await;
    ends_in_order(site.gateway).await;
}
