//! One client takes as much as it can of shared resources: it is rejected, and all others are served.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use axum::routing::{get, post};
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};

use crate::fixture::{Gateway, Service, TIMEOUT, assert_problem, text, until};

const GREEDY: &str = "203.0.113.9";

/// `/things` responds at once, `/things/slow` on a signal, `/things/1/events` never ends.
async fn service(slow: Arc<AtomicBool>) -> Service {
    let wait = async move || {
        while slow.load(Ordering::SeqCst) {
            sleep(Duration::from_millis(5)).await;
        }
        "at last"
    };
    let events =
        async || Body::from_stream(stream::once(async { Ok::<_, Infallible>("begin") }).chain(stream::pending()));
    let things = get("here").post(async |body: String| body);
    let routes = Router::new().route("/things", things).route("/things/slow", get(wait));
    Service::start(routes.route("/things/1/events", get(events)).route("/things/late", post(async || "late"))).await
}

/// A gateway that trusts the `X-Forwarded-For` of all clients.
async fn gateway(service: &Service, limits: &str) -> Gateway {
    let trusted = "[clients]\ntrusted_proxies = [\"127.0.0.0/8\"]\n";
    Gateway::to(service.address, &format!("[limits]\n{limits}\n{trusted}")).await
}

async fn send(gateway: &Gateway, client: &str, method: &str, path: &str, body: impl Into<Body>) -> Response {
    let request = gateway.request(method, path).header("x-forwarded-for", client);
    gateway.send(request.body(body.into()).unwrap()).await
}

/// A request whose body is one byte shorter than declared, on a connection of its own.
async fn unfinished(gateway: &Gateway, client: &str, bytes: usize) -> TcpStream {
    let mut connection = gateway.connect().await;
    let head = format!(
        "POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Forwarded-For: {client}\r\n\
         Content-Length: {bytes}\r\n\r\n"
    );
    // A rejected request may be cut off before it is sent in whole.
    let _ = connection.write_all((head + &"x".repeat(bytes - 1)).as_bytes()).await;
    connection
}

#[tokio::test]
async fn unfinished_bodies_of_one_client_leave_memory_for_those_of_others() {
    let service = service(Arc::default()).await;
    let gateway = gateway(&service, "body_idle_timeout = \"1m\"\nupload_timeout = \"1m\"").await;
    // More than all of the memory.
    let mut greedy = Vec::new();
    for _ in 0..257 {
        greedy.push(unfinished(&gateway, GREEDY, 65_536).await);
    }
    until("the greedy client is refused", async || {
        let refused = send(&gateway, GREEDY, "POST", "/things", vec![b'x'; 65_536]).await;
        refused.status() == 429
    })
    .await;
    for number in 0..50 {
        let answer = send(&gateway, &format!("192.0.2.{number}"), "POST", "/things", vec![b'x'; 65_536]).await;
        assert_eq!(answer.status(), 200, "{number}");
    }
    drop(greedy);
    until("its room is free again", async || {
        send(&gateway, GREEDY, "POST", "/things", vec![b'x'; 65_536]).await.status() == 200
    })
    .await;
}

#[tokio::test]
async fn unfinished_bodies_count_for_their_client_however_small_they_are() {
    let service = service(Arc::default()).await;
    let gateway = gateway(&service, "in_flight = 8").await;
    let greedy = [unfinished(&gateway, GREEDY, 2).await, unfinished(&gateway, GREEDY, 2).await];
    until("two are counted", async || send(&gateway, GREEDY, "GET", "/things", "").await.status() == 429).await;
    let refused = send(&gateway, GREEDY, "POST", "/things", "x").await;
    assert_eq!(refused.headers()["retry-after"], "1");
    let problem = assert_problem(refused, 429).await;
    assert_eq!(problem["type"], "urn:flotilla:problem:too-many-requests");
    assert_eq!(problem["detail"], "too many requests of this client are under way: wait for their answers");
    assert_eq!(text(send(&gateway, "192.0.2.1", "POST", "/things", "mine").await).await, "mine");
    drop(greedy);
    until("they are forgotten", async || send(&gateway, GREEDY, "GET", "/things", "").await.status() == 200).await;
}

#[tokio::test]
async fn one_client_has_no_more_than_its_share_of_the_permits_of_a_route() {
    let (arrived, mut arrivals) = mpsc::channel(8);
    let go = Arc::new(Semaphore::new(0));
    let going = Arc::clone(&go);
    let wait = async move || {
        arrived.send(()).await.unwrap();
        drop(going.acquire().await.unwrap());
    };
    let service = Service::start(Router::new().route("/things", get("here")).route("/things/slow", get(wait))).await;
    let gateway = gateway(&service, "in_flight = 8\nshare = \"50%\"").await;
    let in_flight = join_all((0..4).map(|_| send(&gateway, GREEDY, "GET", "/things/slow", "")));
    let others = async {
        for _ in 0..4 {
            timeout(TIMEOUT, arrivals.recv()).await.expect("they do not arrive");
        }
        assert_problem(send(&gateway, GREEDY, "GET", "/things", "").await, 429).await;
        assert_eq!(send(&gateway, "192.0.2.1", "GET", "/things", "").await.status(), 200);
        go.add_permits(1);
    };
    let (answers, ()) = tokio::join!(in_flight, others);
    assert!(answers.iter().all(|answer| answer.status() == 200));
    drop(answers);
    until("all is free", async || send(&gateway, GREEDY, "GET", "/things", "").await.status() == 200).await;
}

#[tokio::test]
async fn idle_live_streams_of_one_client_do_not_block_others() {
    let service = service(Arc::default()).await;
    let gateway = gateway(&service, "in_flight = 8").await;
    let follow = |client: &'static str| send(&gateway, client, "GET", "/things/1/events", "");
    let greedy = [follow(GREEDY).await, follow(GREEDY).await];
    assert!(greedy.iter().all(|answer| answer.status() == 200));
    for _ in 0..20 {
        assert_problem(follow(GREEDY).await, 429).await;
    }
    let other = follow("192.0.2.1").await;
    assert_eq!(other.status(), 200);
    assert_eq!(send(&gateway, GREEDY, "GET", "/things", "").await.status(), 200, "streams are counted for themselves");
    drop(greedy);
    until("a stream is free again", async || follow(GREEDY).await.status() == 200).await;
}

#[tokio::test]
async fn a_site_is_one_client_whatever_address_of_its_network_it_uses() {
    let service = service(Arc::default()).await;
    let gateway = gateway(&service, "in_flight = 4").await;
    let follow = |client: &'static str| send(&gateway, client, "GET", "/things/1/events", "");
    let _first = follow("2001:db8::1").await;
    assert_eq!(follow("2001:db8::2").await.status(), 429);
    assert_eq!(follow("2001:db8:0:1::2").await.status(), 200);
}

#[tokio::test]
async fn a_request_releases_its_permit_however_it_ends() {
    let slow = Arc::new(AtomicBool::new(true));
    let service = service(Arc::clone(&slow)).await;
    let limits = "in_flight = 1\nbody = 4\nuploads = 4\ntimeout = \"100ms\"\nupload_idle = \"100ms\"";
    let gateway = gateway(&service, limits).await;
    let free = async |after: &str| {
        until(after, async || send(&gateway, GREEDY, "POST", "/things", "1234").await.status() == 200).await;
    };
    assert_eq!(send(&gateway, GREEDY, "POST", "/things", "12345").await.status(), 413);
    free("a body that is too large").await;
    assert_eq!(send(&gateway, GREEDY, "GET", "/things/slow", "").await.status(), 504);
    free("a service that is late").await;
    let silent = Body::from_stream(stream::once(async { Ok::<_, Infallible>("12") }).chain(stream::pending()));
    assert_eq!(send(&gateway, GREEDY, "POST", "/things", silent).await.status(), 408);
    free("a body that stops coming").await;
    let cut_off = send(&gateway, GREEDY, "GET", "/things/slow", "");
    assert!(timeout(Duration::from_millis(30), cut_off).await.is_err());
    free("a client that went away").await;
    drop(unfinished(&gateway, GREEDY, 4).await);
    free("a client that went away in mid-body").await;
    assert_eq!(send(&gateway, GREEDY, "POST", "/things/late", "1234").await.status(), 200);
    free("an answer that was read").await;
    drop(send(&gateway, GREEDY, "GET", "/things", "").await);
    free("an answer that nobody read").await;
}

#[tokio::test]
async fn a_client_that_cancels_too_many_requests_waits_and_others_do_not() {
    let (arrived, mut arrivals) = mpsc::channel(8);
    let never = async move || {
        arrived.send(()).await.unwrap();
        std::future::pending::<()>().await;
    };
    let service = Service::start(Router::new().route("/things", get("here")).route("/things/never", get(never))).await;
    let gateway = gateway(&service, "cancels = \"3/1h\"").await;
    for _ in 0..3 {
        let mut connection = gateway.connect().await;
        let head = format!("GET /things/never HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {GREEDY}\r\n\r\n");
        connection.write_all(head.as_bytes()).await.unwrap();
        timeout(TIMEOUT, arrivals.recv()).await.expect("it does not arrive");
    }
    let refused = async || send(&gateway, GREEDY, "GET", "/things", "").await.status() == 429;
    until("it has cancelled three", refused).await;
    let answer = send(&gateway, GREEDY, "GET", "/things", "").await;
    assert!(answer.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 1100);
    let problem = assert_problem(answer, 429).await;
    assert_eq!(problem["detail"], "too many requests were cancelled before their answer: ask again later");
    assert_eq!(send(&gateway, "192.0.2.1", "GET", "/things", "").await.status(), 200);
}

#[tokio::test]
async fn grpc_watches_of_one_client_leave_room_for_those_of_others() {
    let follow = async || {
        let messages = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"\0\0\0\0\0")) });
        let body = Body::from_stream(messages.chain(stream::pending()));
        Response::builder().header("content-type", "application/grpc").body(body).unwrap()
    };
    let service = Service::start(Router::new().route("/things.Things/Follow", post(follow))).await;
    let gateway = Gateway::start(&format!(
        "[upstreams]\nthings = \"http://{}\"\n\
         [[routes]]\npath = \"/things.Things/Follow\"\nupstream = \"things\"\nmethods = [\"POST\"]\ngrpc = true\n\
         stream = true\nin_flight = 256\nshare = \"10%\"\n[clients]\ntrusted_proxies = [\"127.0.0.0/8\"]\n",
        service.address
    ))
    .await;
    let follow = async |client: &str| {
        let request = gateway.request("POST", "/things.Things/Follow").header("content-type", "application/grpc");
        gateway.send(request.header("x-forwarded-for", client).body(Body::from("\0\0\0\0\0")).unwrap()).await
    };
    let mut greedy = Vec::new();
    for _ in 0..256 {
        greedy.push(follow(GREEDY).await);
    }
    let refused: Vec<_> = greedy.iter().filter_map(|answer| answer.headers().get("grpc-status")).collect();
    assert_eq!(refused.len(), 256 - 26, "a tenth, rounded up");
    assert!(refused.iter().all(|code| *code == "8"), "RESOURCE_EXHAUSTED");
    assert!(!follow("192.0.2.1").await.headers().contains_key("grpc-status"));
}
