//! A client opens bursts of gRPC calls and resets them: others are not affected.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use ambient::{Ids, SystemClock};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use http::HeaderMap;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};

use crate::fixture::{Gateway, TIMEOUT};

const MESSAGE: &[u8] = b"\0\0\0\0\x03abc";

/// The duration of the attack.
const ATTACK: Duration = Duration::from_secs(3);
/// How long the service does not read its connections, as on a busy machine: it then reads everything at once.
const BUSY: Duration = Duration::from_millis(10);

/// The default of h2.
const STRICT: usize = 20;

/// A service that responds to `Get` soon, and streams ten messages per second to followers.
///
/// It has its own thread, and closes a connection with more than [`STRICT`] calls that are reset before it reads them.
fn service() -> (SocketAddr, Arc<AtomicUsize>) {
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    let (received, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            received.send(listener.local_addr().unwrap()).unwrap();
            tokio::spawn(async {
                loop {
                    std::thread::sleep(BUSY);
                    sleep(Duration::from_millis(5)).await;
                }
            });
            let clock = Arc::new(SystemClock);
            let host = chassis::Host::new(clock.clone(), Arc::new(Ids::seeded(clock, 1)));
            let config = chassis::Config { max_resets: STRICT, ..chassis::Config::default() };
            let router = Router::new()
                .route(
                    "/things.Things/Get",
                    post(async |State(requests): State<Arc<AtomicUsize>>| answer(&requests, 1)),
                )
                .route(
                    "/things.Things/Follow",
                    post(async |State(requests): State<Arc<AtomicUsize>>| answer(&requests, usize::MAX)),
                )
                .with_state(count);
            chassis::run_until(host, &config, listener, async |_| Ok(router), std::future::pending()).await
        })
    });
    (address.recv().unwrap(), requests)
}

fn answer(requests: &AtomicUsize, messages: usize) -> Response {
    requests.fetch_add(1, Ordering::SeqCst);
    let end = Frame::trailers(HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]));
    let messages = stream::iter(0..messages).then(|sent| async move {
        sleep(Duration::from_millis(100) * u32::from(sent > 0)).await;
        Frame::data(Bytes::from_static(MESSAGE))
    });
    let frames = messages.chain(stream::iter([end])).map(Ok::<_, Infallible>);
    Response::builder().header("content-type", "application/grpc").body(Body::new(StreamBody::new(frames))).unwrap()
}

async fn gateway(service: SocketAddr) -> Gateway {
    Gateway::start(&format!(
        "[upstreams]\nthings = \"http://{service}\"\n\
         [[routes]]\npath = \"/things.Things\"\nupstream = \"things\"\nmethods = [\"POST\"]\ngrpc = true\n\
         [[routes]]\npath = \"/things.Things/Follow\"\nupstream = \"things\"\nmethods = [\"POST\"]\ngrpc = true\n\
         stream = true\n[clients]\ntrusted_proxies = [\"127.0.0.0/8\"]\n"
    ))
    .await
}

/// A client with its own connection.
struct Caller<'a> {
    gateway: &'a Gateway,
    address: &'static str,
    client: Client<HttpConnector, Body>,
}

impl<'a> Caller<'a> {
    fn new(gateway: &'a Gateway, address: &'static str) -> Self {
        let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
        Self { gateway, address, client }
    }

    fn request(&self, method: &str) -> Request {
        let request = self.gateway.request("POST", &format!("/things.Things/{method}"));
        let request = request.header("content-type", "application/grpc").header("te", "trailers");
        request.header("x-forwarded-for", self.address).body(Body::from(MESSAGE)).unwrap()
    }

    async fn send(&self, method: &str) -> Response {
        timeout(TIMEOUT, self.client.request(self.request(method))).await.unwrap().unwrap().map(Body::new)
    }

    /// The status code of a call of `Get`.
    async fn get(&self) -> String {
        let answer = self.send("Get").await;
        let head = answer.headers().clone();
        let body = timeout(TIMEOUT, answer.into_body().collect()).await.unwrap().unwrap();
        let end = body.trailers().cloned().unwrap_or(head);
        end["grpc-status"].to_str().unwrap().to_owned()
    }

    /// Follows; the first message has arrived.
    async fn follow(&self) -> Body {
        let mut body = self.send("Follow").await.into_body();
        let first = timeout(TIMEOUT, body.frame()).await.expect("nothing comes").unwrap().unwrap();
        assert!(first.is_data(), "{first:?}");
        body
    }

    /// Opens concurrent calls, and resets them a moment later.
    async fn burst(&self, calls: usize) {
        let method = |number: usize| if number.is_multiple_of(2) { "Get" } else { "Follow" };
        let calls = join_all((0..calls).map(|number| self.client.request(self.request(method(number)))));
        let _cut_off = timeout(Duration::from_millis(10), calls).await;
    }
}

/// While `attack` is repeated, all calls of others are answered and no follower is cut off.
async fn nobody_notices(gateway: &Gateway, attack: impl AsyncFn()) {
    let followers: Vec<_> = (0..8).map(|_| Caller::new(gateway, "192.0.2.2")).collect();
    let following = join_all(followers.iter().map(Caller::follow)).await;
    let over = AtomicBool::new(false);
    let attacks = async {
        let until = Instant::now() + ATTACK;
        while Instant::now() < until {
            attack().await;
        }
        over.store(true, Ordering::SeqCst);
    };
    let asking = async {
        let (other, mut codes) = (Caller::new(gateway, "192.0.2.1"), Vec::new());
        while !over.load(Ordering::SeqCst) {
            codes.push(other.get().await);
        }
        codes
    };
    let following = join_all(following.into_iter().map(|body| is_told_until(&over, body)));
    let ((), codes, followed) = tokio::join!(attacks, asking, following);
    let failed = codes.iter().filter(|code| *code != "0").count();
    let cut_off = followed.iter().filter(|received| !**received).count();
    assert_eq!((failed, cut_off), (0, 0), "of {} calls, and of {} followers", codes.len(), followed.len());
}

/// Whether messages arrive until that is done, and once more.
async fn is_told_until(over: &AtomicBool, mut body: Body) -> bool {
    loop {
        let last = over.load(Ordering::SeqCst);
        match timeout(TIMEOUT, body.frame()).await.expect("nothing comes") {
            Some(Ok(frame)) if frame.is_data() && last => return true,
            Some(Ok(frame)) if frame.is_data() => {}
            _ => return false,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_resets_calls_in_bursts_does_not_affect_others() {
    let (service, requests) = service();
    let gateway = gateway(service).await;
    let before = requests.load(Ordering::SeqCst);
    // The gateway closes a connection with more than 20 calls that it has not read yet.
    let attackers: Vec<_> = (0..4).map(|_| Caller::new(&gateway, "203.0.113.9")).collect();
    nobody_notices(&gateway, async || {
        let bursts = join_all(attackers.iter().map(|attacker| attacker.burst(15)));
        tokio::join!(bursts, sleep(Duration::from_millis(150)));
    })
    .await;
    assert!(requests.load(Ordering::SeqCst) - before > 20, "no attack");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_resets_a_hundred_calls_a_second_does_not_affect_others() {
    let (service, _asked) = service();
    let gateway = gateway(service).await;
    let attacker = Caller::new(&gateway, "203.0.113.9");
    nobody_notices(&gateway, async || {
        tokio::join!(attacker.burst(5), sleep(Duration::from_millis(50)));
    })
    .await;
}

/// Reads frames until there is a request, states that none was processed, and waits until the other side has closed.
async fn goes_away(mut connection: TcpStream) {
    let settings_then_nothing = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    connection.write_all(&settings_then_nothing).await.unwrap();
    connection.read_exact(&mut [0; 24]).await.unwrap();
    loop {
        let mut head = [0; 9];
        connection.read_exact(&mut head).await.unwrap();
        let length = usize::from(head[1]) * 256 + usize::from(head[2]);
        connection.read_exact(&mut vec![0; length]).await.unwrap();
        if head[3] == 1 {
            break;
        }
    }
    let last_stream_and_no_error = [0; 8];
    let goaway = [&[0, 0, 8, 7, 0, 0, 0, 0, 0][..], &last_stream_and_no_error].concat();
    connection.write_all(&goaway).await.unwrap();
    let _closed = connection.read_to_end(&mut Vec::new()).await;
}

#[tokio::test]
async fn a_call_that_the_service_has_not_processed_when_it_closes_is_retried() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        tokio::spawn(goes_away(listener.accept().await.unwrap().0));
        let router = Router::new().route("/things.Things/Get", post(async || answer(&AtomicUsize::new(0), 1)));
        let io = TokioIo::new(listener.accept().await.unwrap().0);
        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        server.serve_connection(io, TowerToHyperService::new(router)).await
    });
    let gateway = gateway(address).await;
    assert_eq!(Caller::new(&gateway, "192.0.2.1").get().await, "0");
}
