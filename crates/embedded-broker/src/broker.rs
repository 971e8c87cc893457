//! Tansu, set up and served until a signal comes.

use crate::{
    ends::Ends,
    folder::LOG_URL,
    frames::{Closed, Connection, FrameLimits},
    groups::Groups,
    index,
    routes::Shared,
};
use ambient::{Clock, Ids, SystemClock};
use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tansu_broker::{Error, NODE_ID, coordinator::group::administrator::Controller};
use tansu_storage::{BrokerRegistrationRequest, Storage, StorageContainer};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::Semaphore,
    task::JoinSet,
    time::interval,
};
use tracing::{error, warn};
use url::Url;

const CLUSTER: &str = "flotilla";
/// How often records past their topic's retention are removed.
const MAINTENANCE: Duration = Duration::from_mins(10);

/// A broker for one machine that speaks Kafka's protocol and keeps its log in one SQLite file.
#[derive(Debug, clap::Parser)]
#[command(name = "flotilla-broker", version)]
pub struct Config {
    /// Address and port to listen on, which clients are also told to come back to.
    #[arg(long, env = "BROKER_LISTEN", default_value = "127.0.0.1:9092", value_parser = reachable)]
    pub listen: SocketAddr,
    /// Folder of the log. It is made if it is not there.
    #[arg(long, env = "BROKER_DIR", default_value = ".flotilla/broker")]
    pub dir: PathBuf,
    /// Bytes of one request at most: a client that announces more is disconnected
    #[arg(long, env = "BROKER_FRAME_BYTES", default_value_t = 16 * 1024 * 1024,
          value_parser = clap::value_parser!(u32).range(1024 * 1024..=1024 * 1024 * 1024))]
    pub frame_bytes: u32,
    /// Bytes of unanswered requests of all connections at most: a client that sends more is disconnected
    #[arg(long, env = "BROKER_FRAMES_BYTES", default_value_t = 128 * 1024 * 1024,
          value_parser = clap::value_parser!(u32).range(1024 * 1024..=1024 * 1024 * 1024))]
    pub frames_bytes: u32,
    /// What is logged to stderr: a level, or levels by module.
    // Tansu's storage calls it an error when a topic is there already, which every start of a service asks for.
    #[arg(long, env = "LOG", default_value = "error,tansu_storage::lite=off")]
    pub log: String,
}

/// Why the broker did not start, or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Most often another process has the port.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// As it was given.
        address: SocketAddr,
        /// What the system said.
        reason: io::Error,
    },
    /// An address became no URL.
    #[error("{0} is no address for clients")]
    Address(String),
    /// No signal can be waited for.
    #[error("signals cannot be received: {0}")]
    Signal(#[source] io::Error),
    /// The log cannot be opened or written.
    #[error("the log cannot be opened: {0}")]
    Log(#[from] tansu_storage::Error),
    /// The log is there, but nothing can be added to it.
    #[error("the log cannot be indexed: {0}")]
    Index(#[from] libsql::Error),
    /// Tansu did not take its own parts.
    #[error("the broker cannot be set up: {0}")]
    Setup(#[from] Error),
}

/// Clients are told this address: so it must be one that they can connect to.
fn reachable(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "an address and a port are needed, as in 127.0.0.1:9092")?;
    if address.ip().is_unspecified() || address.port() == 0 {
        return Err("clients cannot connect to this address: name one of this machine's own, and a port".to_owned());
    }
    Ok(address)
}

/// Serves until SIGTERM or SIGINT. What is in flight then is dropped: whatever was not acknowledged yet is sent again
/// by its producer, as it would be after a crash, and an open transaction of SQLite is rolled back.
pub async fn serve(config: &Config) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::Signal)?;
    // The port comes first: a second broker must not touch the log.
    let listener = listen_on(config.listen).map_err(|reason| Failure::Listen { address: config.listen, reason })?;
    let shared = open(config).await?;
    tokio::select! {
        ended = accept(&listener, &shared) => ended,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

/// Listens there, with as many connections waiting as the kernel allows: all of a fleet may come at once.
fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // As `TcpListener::bind`: a broker that starts again must not wait for old connections.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(i32::MAX.unsigned_abs())
}

/// Opens the log and takes its place in it as the one broker of the cluster.
async fn open(config: &Config) -> Result<Shared, Failure> {
    let log = StorageContainer::builder()
        .cluster_id(CLUSTER)
        .node_id(NODE_ID)
        .advertised_listener(parse(&format!("tcp://{}", config.listen))?)
        .storage(parse(LOG_URL)?)
        .silent(true);
    let storage = log.build().await?;
    index::headers().await?;
    let registration = BrokerRegistrationRequest {
        broker_id: NODE_ID,
        cluster_id: CLUSTER.to_owned(),
        incarnation_id: Ids::from_entropy(Arc::new(SystemClock)).uuid(),
        rack: None,
    };
    storage.register_broker(registration).await?;
    let groups = Groups::new(Controller::with_storage(storage.clone())?);
    let all = Arc::new(Semaphore::new(config.frames_bytes as usize));
    Ok(Shared { storage, groups, ends: Ends::new(), limits: FrameLimits { frame: config.frame_bytes as usize, all } })
}

fn parse(url: &str) -> Result<Url, Failure> {
    Url::parse(url).map_err(|_| Failure::Address(url.to_owned()))
}

/// Does not end by itself, unless Tansu refuses to be set up. Connections end when this is dropped.
async fn accept(listener: &TcpListener, shared: &Shared) -> Result<(), Failure> {
    let mut connections = JoinSet::new();
    let mut maintenance = interval(MAINTENANCE);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => { connections.spawn(answer(shared.connection()?, stream)); }
                // Most often there are too many open files: connections that end make room.
                Err(reason) => {
                    warn!(%reason, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            _ = maintenance.tick() => maintain(shared).await,
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn answer(connection: Connection, stream: TcpStream) {
    let ended = match stream.set_nodelay(true) {
        Ok(()) => connection.serve(stream).await,
        Err(reason) => Err(reason.into()),
    };
    match ended {
        Err(Closed::Io(reason)) if is_goodbye(reason.kind()) => {}
        Err(Closed::Refused(Error::Io(reason))) if is_goodbye(reason.kind()) => {}
        Err(reason) => error!(%reason, "a connection ended"),
        Ok(()) => {}
    }
}

/// How clients leave.
fn is_goodbye(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

async fn maintain(shared: &Shared) {
    let since_epoch = Duration::from_micros(u64::try_from(SystemClock.now().as_micros()).unwrap_or_default());
    if let Err(reason) = shared.storage.maintain(SystemTime::UNIX_EPOCH + since_epoch).await {
        warn!(%reason, "the log was not cleaned up");
    }
}
