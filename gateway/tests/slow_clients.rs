//! Thousands of slow clients on the real process: it serves the others, closes the slow ones, and stays small.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a test panics when it fails")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, timeout};

/// The time limits of a head and of a body: the defaults.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// The delay of closing a connection on a busy machine.
const LATE: Duration = Duration::from_secs(8);
const MOST_MEMORY_KIB: u64 = 100 * 1024;
/// Below this a p99 depends on the machine more than on the gateway.
const NOISE: Duration = Duration::from_millis(25);

/// Each of these tests needs the machine, and the open files, for itself.
static ALONE: Mutex<()> = Mutex::const_new(());

struct Gateway {
    process: Child,
    address: SocketAddr,
    routes: PathBuf,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.routes);
    }
}

impl Gateway {
    async fn start() -> Self {
        let mut open_files = getrlimit(Resource::Nofile);
        open_files.current = open_files.maximum;
        setrlimit(Resource::Nofile, open_files).unwrap();
        let service = service().await;
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let routes = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("slow-{}.toml", address.port()));
        let text = format!(
            "[upstreams]\nthings = \"http://{service}\"\n\
             [[routes]]\npath = \"/things\"\nupstream = \"things\"\nmethods = [\"GET\", \"POST\"]\nrate = \"none\"\n\
             [limits]\nshare = \"100%\"\n"
        );
        std::fs::write(&routes, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
        command.env("GATEWAY_ROUTES", &routes).env("LISTEN", address.to_string()).env("LOG", "error");
        // All clients have the same address here.
        command.env("CONNECTION_SHARE", "100%");
        let process = command.stderr(Stdio::inherit()).kill_on_drop(true).spawn().unwrap();
        let gateway = Self { process, address, routes };
        let listening = async {
            while TcpStream::connect(address).await.is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(TIME_LIMIT, listening).await.expect("it does not listen");
        gateway
    }

    /// The peak memory, in KiB.
    fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id().unwrap())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// The p99 of a GET. Other processes disturb some rounds, an attack all of them.
    async fn best_p99(&self) -> Duration {
        let mut best = Duration::MAX;
        for _ in 0..4 {
            best = best.min(self.p99(1000).await);
        }
        best
    }

    /// The p99 of consecutive GETs, every tenth on a new connection.
    async fn p99(&self, gets: usize) -> Duration {
        let mut kept = TcpStream::connect(self.address).await.unwrap();
        let mut took = Vec::with_capacity(gets);
        for number in 0..gets {
            let began = Instant::now();
            if number % 10 == 0 {
                kept = TcpStream::connect(self.address).await.unwrap();
            }
            kept.write_all(b"GET /things HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
            let answer = timeout(TIME_LIMIT, read_answer(&mut kept)).await.expect("no answer");
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            took.push(began.elapsed());
        }
        took.sort_unstable();
        took[gets * 99 / 100]
    }
}

async fn service() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/things", get("here").post(async |body: String| body));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Up to the end of the body of the service.
async fn read_answer(connection: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nhere") {
        assert_ne!(connection.read_buf(&mut answer).await.unwrap(), 0, "closed");
    }
    String::from_utf8(answer).unwrap()
}

/// How a client is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slow {
    /// It sends nothing.
    Silent,
    /// Its head arrives byte by byte.
    Head,
    /// Its body arrives byte by byte.
    Body,
    /// It sends much of a head, and stops.
    HalfHead,
    /// It sends much of a body, and stops.
    HalfBody,
}

impl Slow {
    /// The bytes sent at once.
    fn greeting(self) -> Vec<u8> {
        let head = "POST /things HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
        match self {
            Self::Silent | Self::Head => Vec::new(),
            Self::Body => format!("{head}Content-Length: 1000\r\n\r\n").into_bytes(),
            Self::HalfHead => format!("{head}X: {}", "x".repeat(15_000)).into_bytes(),
            Self::HalfBody => format!("{head}Content-Length: 65536\r\n\r\n{}", "x".repeat(65_000)).into_bytes(),
        }
    }

    /// Keeps a connection until it is closed, and returns that time.
    async fn keep(self, connection: TcpStream) -> Duration {
        let began = Instant::now();
        let (mut reading, mut writing) = connection.into_split();
        let trickle = async {
            let _ = writing.write_all(&self.greeting()).await;
            let text = b"GET /things HTTP/1.1\r\nHost: localhost\r\nX: ".iter().chain(std::iter::repeat(&b'x'));
            let mut seconds = interval(Duration::from_secs(1));
            for byte in text {
                seconds.tick().await;
                let more = matches!(self, Self::Head | Self::Body);
                if more && writing.write_all(&[*byte]).await.is_err() {
                    return;
                }
            }
        };
        let closed = async {
            let _ = reading.read_to_end(&mut Vec::new()).await;
        };
        tokio::select! { () = trickle => {}, () = closed => {} }
        began.elapsed()
    }
}

/// All clients, after the gateway has accepted their connections.
async fn attack(gateway: &Gateway, attackers: &[(Slow, usize)]) -> JoinSet<(Slow, Duration)> {
    let mut attack = JoinSet::new();
    let all = attackers.iter().flat_map(|(slow, count)| std::iter::repeat_n(*slow, *count));
    for (number, slow) in all.enumerate() {
        let connection = TcpStream::connect(gateway.address).await.unwrap();
        attack.spawn(async move { (slow, slow.keep(connection).await) });
        if number % 200 == 0 {
            // Connections are accepted in order: when this one is answered, those before it are accepted. More than the
            // queue of the listener holds would wait in the kernel.
            gateway.p99(1).await;
        }
    }
    attack
}

/// The longest time of any client.
async fn longest(attack: JoinSet<(Slow, Duration)>) -> (Slow, Duration) {
    let all = timeout(TIME_LIMIT + LATE, attack.join_all()).await.expect("some are never closed");
    all.into_iter().max_by_key(|(_, span)| *span).unwrap()
}

/// The p99 of a GET before and during the attack.
async fn withstands(attackers: &[(Slow, usize)]) -> (Duration, Duration) {
    let _alone = ALONE.lock().await;
    let gateway = Gateway::start().await;
    gateway.p99(200).await;
    let before = gateway.best_p99().await;
    let attack = attack(&gateway, attackers).await;
    let during = gateway.best_p99().await;
    let (slowest, span) = longest(attack).await;
    let after = gateway.best_p99().await;
    let memory = gateway.peak_memory();
    println!("{attackers:?}: p99 {before:?}, {during:?}, {after:?}; longest {slowest:?} {span:?}; {memory} KiB");
    assert!(span < TIME_LIMIT + LATE, "{slowest:?} was let for {span:?}");
    assert!(memory < MOST_MEMORY_KIB, "{memory} KiB");
    (before, during)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_slow_clients_do_not_delay_others_and_are_closed() {
    let (before, during) = withstands(&[(Slow::Silent, 1000), (Slow::Head, 1000), (Slow::Body, 1000)]).await;
    assert!(during < NOISE.max(before * 2), "a GET took {before:?} before and {during:?} during the attack");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_stalled_clients_cost_little_memory_and_are_closed() {
    withstands(&[(Slow::HalfHead, 1000), (Slow::HalfBody, 1000)]).await;
}
