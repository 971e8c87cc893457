//! From a manifest and what the user asked for to the exact list of processes. Nothing is started or written here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use messaging::{Protection, Security};
use serde::Serialize;

use crate::fleets::Fleet;
use crate::keyring::Keyring;
use crate::manifest::{BROKER, Context, GATEWAY, Manifest, Somebody, Try};
use crate::{shell, template};

/// Where the embedded broker listens unless told otherwise.
pub const BROKER_PORT: u16 = 9092;
/// How large a log file may be at the start of its process before it is put aside.
pub const LOG_LIMIT: u64 = 10 * 1024 * 1024;

const BROKER_PACKAGE: &str = "embedded-broker";
const BROKER_BINARY: &str = "flotilla-broker";
/// Services and the broker are reachable through the gateway only, so they stay on this machine.
const INSIDE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What the user may choose about a fleet.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder below which stores, logs and settings are.
    pub dir: PathBuf,
    /// The folder in which the binaries are.
    pub binaries: PathBuf,
    /// Where the gateway listens.
    pub host: IpAddr,
    /// Which broker carries the events.
    pub broker: Broker,
    /// How connections to it are protected.
    pub security: Security,
    /// Where the contexts keep their state.
    pub stores: Stores,
    /// Added to every port of the manifest and to that of the broker.
    pub port_offset: u16,
    /// Ports by the name of a process, for those that the offset does not suit.
    pub ports: BTreeMap<String, u16>,
    /// The level of the logs.
    pub log: String,
    /// See [`LOG_LIMIT`].
    pub log_limit: u64,
    /// With it, who asks must say who he is. Without it the fleet is open.
    pub auth: Option<Auth>,
}

/// How somebody says who he is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// The command that prints tokens, to be pasted with a name and a role behind it.
    pub token_command: String,
    /// The identity provider whose tokens are believed. `None`: those that the command prints.
    pub issuer: Option<String>,
}

impl Settings {
    /// Everything embedded, on the ports of the manifest.
    pub fn embedded(dir: impl Into<PathBuf>, binaries: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            binaries: binaries.into(),
            host: INSIDE,
            broker: Broker::Embedded,
            security: Security::default(),
            stores: Stores::Embedded,
            port_offset: 0,
            ports: BTreeMap::new(),
            log: "info".to_owned(),
            log_limit: LOG_LIMIT,
            auth: None,
        }
    }
}

/// Which broker carries the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broker {
    /// One of our own, started with the fleet.
    Embedded,
    /// One that runs already: `host:port`, several separated by commas.
    External(String),
}

/// Where the contexts keep their state.
#[derive(Clone, PartialEq, Eq)]
pub enum Stores {
    /// A SQLite file per context.
    Embedded,
    /// A URL in which `{context}` and `{fleet}` are replaced.
    External(String),
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Embedded => "Embedded",
            Self::External(_) => "External(the URL may hold a password)",
        })
    }
}

/// What a process is to the fleet. This is also the order in which they are stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The way in.
    Gateway,
    /// A service.
    Context,
    /// The embedded broker.
    Broker,
}

/// How to find out that a process is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// Its port accepts a connection.
    Accepts,
    /// This URL answers 200.
    Answers(String),
}

/// One process: what to start, with what, and how to see that it is ready.
#[derive(Clone, PartialEq, Eq)]
pub struct ProcessSpec {
    /// The name people see; unique in the plan.
    pub name: String,
    /// What it is to the fleet.
    pub role: Role,
    /// The package that has the binary.
    pub package: String,
    /// The binary.
    pub program: PathBuf,
    /// The environment it gets beside ours.
    pub env: BTreeMap<String, String>,
    /// Where it listens.
    pub listen: SocketAddr,
    /// How to see that it is ready.
    pub ready: Ready,
    /// Its folder, with its log and its store.
    pub folder: PathBuf,
    /// See [`LOG_LIMIT`].
    pub log_limit: u64,
}

impl ProcessSpec {
    /// Where its output goes.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log.txt")
    }

    /// Where it answers HTTP.
    pub fn url(&self) -> String {
        url(self.listen)
    }
}

/// All processes of a fleet and the files they need.
#[derive(Clone, PartialEq, Eq)]
pub struct Plan {
    /// The name of the fleet.
    pub fleet: String,
    /// The folder below which everything is.
    pub dir: PathBuf,
    /// What to start: the broker if there is one of our own, the contexts, the gateway.
    pub processes: Vec<ProcessSpec>,
    /// What the gateway reads: files to write, each with its text. The first are its routes.
    pub gateway_files: Vec<(PathBuf, String)>,
    /// What the contexts get as `KAFKA_BROKERS`.
    pub brokers: String,
    /// How connections to them are protected.
    pub security: Security,
    /// The gateway's base URL.
    pub gateway: String,
    /// Requests worth trying, ready to be pasted.
    pub tries: Vec<Try>,
    /// What is not as it would be in production.
    pub open: Vec<String>,
    /// Its keys, if it has any.
    pub keyring: Keyring,
    /// See [`Settings::auth`].
    pub auth: Option<Auth>,
}

/// Why there is no plan.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Two contexts would use one database.
    #[error("--store needs {{context}} in it: each context has a database of its own")]
    SharedStore,
    /// The embedded broker is on loopback, and speaks plainly.
    #[error("KAFKA_SECURITY is {0}: that is for a Kafka that --kafka names, the embedded broker has no TLS")]
    Embedded(&'static str),
    /// A port above 65535.
    #[error("the port of {name} would be {port}: choose a smaller --port-offset")]
    Port {
        /// Whose port.
        name: String,
        /// The sum.
        port: u32,
    },
}

impl Plan {
    /// What to start for this fleet with these settings.
    pub fn new(fleet: &Fleet, settings: &Settings) -> Result<Self, PlanError> {
        if matches!(&settings.stores, Stores::External(url) if !template::names(url).contains(&"context")) {
            return Err(PlanError::SharedStore);
        }
        if settings.broker == Broker::Embedded && settings.security.kafka_security != Protection::Plaintext {
            return Err(PlanError::Embedded(settings.security.kafka_security.name()));
        }
        let draft = Draft { manifest: &fleet.manifest, settings, addresses: addresses(&fleet.manifest, settings)? };
        let mut plan = draft.plan(fleet);
        if let Some(auth) = &settings.auth {
            plan.require_identity(auth.clone());
        }
        Ok(plan)
    }

    /// Has every process ask who asks, and shows every request with a token.
    pub fn require_identity(&mut self, auth: Auth) {
        for process in &mut self.processes {
            process.env.extend(self.keyring.env(&process.name, process.role));
            if let (Role::Gateway, Some(issuer)) = (process.role, &auth.issuer) {
                process.env.insert("IDENTITY_ISSUER".to_owned(), issuer.clone());
                process.env.remove("IDENTITY_KEYS_FILE");
            }
        }
        for one in &mut self.tries {
            if let Some(Somebody { name, role }) = &one.asker {
                let (command, role, name) = (&auth.token_command, shell::word(role), shell::word(name));
                let token = match &auth.issuer {
                    Some(_) => "$TOKEN".to_owned(),
                    None => format!("$({command} --role {role} --name {name})"),
                };
                one.curl = format!("{} \\\n    -H \"Authorization: Bearer {token}\"", one.curl);
            }
        }
        self.auth = Some(auth);
    }

    /// One more process of a context, on a port of its own and with the same store: `crane-2` beside `crane`.
    pub fn replica(&self, context: &str, number: u32, port: u16) -> Option<ProcessSpec> {
        let first = self.processes.iter().find(|process| process.name == context && process.role == Role::Context)?;
        let mut spec = first.clone();
        spec.name = format!("{context}-{number}");
        spec.folder = self.dir.join(&spec.name);
        spec.listen.set_port(port);
        spec.env.insert("LISTEN".to_owned(), spec.listen.to_string());
        spec.ready = answers(spec.listen);
        Some(spec)
    }
}

fn addresses(manifest: &Manifest, settings: &Settings) -> Result<BTreeMap<String, SocketAddr>, PlanError> {
    let contexts = manifest.contexts.iter().map(|context| (context.name.as_str(), INSIDE, context.port));
    let others = [(GATEWAY, settings.host, manifest.gateway.port), (BROKER, INSIDE, BROKER_PORT)];
    let mut addresses = BTreeMap::new();
    for (name, host, port) in contexts.chain(others) {
        let sum = u32::from(port) + u32::from(settings.port_offset);
        let chosen = settings.ports.get(name).copied().map_or_else(|| u16::try_from(sum), Ok);
        let port = chosen.map_err(|_| PlanError::Port { name: name.to_owned(), port: sum })?;
        addresses.insert(name.to_owned(), SocketAddr::new(host, port));
    }
    Ok(addresses)
}

/// A plan in the making: every address is known.
struct Draft<'a> {
    manifest: &'a Manifest,
    settings: &'a Settings,
    addresses: BTreeMap<String, SocketAddr>,
}

impl Draft<'_> {
    fn plan(&self, fleet: &Fleet) -> Plan {
        let dir = self.settings.dir.clone();
        let routes = dir.join(GATEWAY).join("routes.toml");
        let broker = (self.settings.broker == Broker::Embedded).then(|| self.broker());
        let contexts = self.manifest.contexts.iter().map(|context| self.context(context));
        let processes = broker.into_iter().chain(contexts).chain([self.gateway(&routes)]).collect();
        let document = fleet.openapi.as_ref().map(|(name, text)| (routes.with_file_name(name), text.clone()));
        let tries = self.manifest.tries.iter().map(|one| Try { curl: self.fill(&one.curl), ..one.clone() }).collect();
        Plan {
            fleet: self.manifest.name.clone(),
            dir,
            processes,
            gateway_files: [(routes, fleet.routes.clone())].into_iter().chain(document).collect(),
            brokers: self.brokers(),
            security: self.settings.security.clone(),
            gateway: url(self.addresses[GATEWAY]),
            tries,
            open: self.manifest.open.clone(),
            keyring: Keyring::new(self.manifest, &self.settings.dir),
            auth: None,
        }
    }

    fn broker(&self) -> ProcessSpec {
        let mut broker = self.process(BROKER, Role::Broker, BROKER_PACKAGE, BROKER_BINARY);
        broker.ready = Ready::Accepts;
        broker.env.insert("BROKER_LISTEN".to_owned(), broker.listen.to_string());
        broker.env.insert("BROKER_DIR".to_owned(), broker.folder.display().to_string());
        // At the level of the services it speaks of every request: it has a default of its own.
        broker.env.remove("LOG");
        broker
    }

    fn gateway(&self, routes: &Path) -> ProcessSpec {
        let Self { manifest: Manifest { gateway, .. }, .. } = self;
        let mut spec = self.process(GATEWAY, Role::Gateway, &gateway.package, &gateway.binary);
        spec.env.extend(self.filled(&gateway.env));
        for context in &self.manifest.contexts {
            let variable = format!("UPSTREAM_{}", context.name.to_ascii_uppercase().replace('-', "_"));
            spec.env.insert(variable, url(self.addresses[&context.name]));
        }
        spec.env.insert("GATEWAY_ROUTES".to_owned(), routes.display().to_string());
        spec
    }

    fn context(&self, context: &Context) -> ProcessSpec {
        let mut spec = self.process(&context.name, Role::Context, &context.package, &context.binary);
        spec.env.extend(self.filled(&context.env));
        let store = match &self.settings.stores {
            Stores::Embedded => sqlite(&spec.folder.join("store.db")),
            Stores::External(url) => template::fill(url, |name| match name {
                "context" => Some(context.name.clone()),
                "fleet" => Some(self.manifest.name.clone()),
                _ => None,
            }),
        };
        spec.env.insert("STORE_URL".to_owned(), store);
        spec.env.insert("KAFKA_BROKERS".to_owned(), self.brokers());
        spec.env.extend(self.settings.security.env());
        spec
    }

    fn process(&self, name: &str, role: Role, package: &str, binary: &str) -> ProcessSpec {
        let listen = self.addresses[name];
        let env = [
            ("LISTEN", listen.to_string()),
            ("FLEET", self.manifest.name.clone()),
            ("LOG", self.settings.log.clone()),
            // Whoever holds the other end of its stdin is the supervisor: no process outlives it.
            ("STOP_ON_STDIN_EOF", "true".to_owned()),
        ];
        ProcessSpec {
            name: name.to_owned(),
            role,
            package: package.to_owned(),
            program: self.settings.binaries.join(binary),
            env: env.map(|(name, value)| (name.to_owned(), value)).into(),
            listen,
            ready: answers(listen),
            folder: self.settings.dir.join(name),
            log_limit: self.settings.log_limit,
        }
    }

    fn brokers(&self) -> String {
        match &self.settings.broker {
            Broker::Embedded => self.addresses[BROKER].to_string(),
            Broker::External(brokers) => brokers.clone(),
        }
    }

    fn filled(&self, env: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        env.iter().map(|(name, value)| (name.clone(), self.fill(value))).collect()
    }

    fn fill(&self, text: &str) -> String {
        let known = |name: &str| self.addresses.get(name).filter(|_| name != BROKER);
        template::fill(text, |name| known(name).map(|address| url(*address)))
    }
}

fn answers(listen: SocketAddr) -> Ready {
    Ready::Answers(format!("{}/readyz", url(listen)))
}

/// How this machine reaches an address that something listens on.
fn url(mut listen: SocketAddr) -> String {
    if listen.ip().is_unspecified() {
        listen.set_ip(INSIDE);
    }
    format!("http://{listen}")
}

/// The URL of a SQLite file. What a URL gives a meaning is escaped: a folder may be called anything.
fn sqlite(path: &Path) -> String {
    let mut url = String::from("sqlite:");
    for c in path.to_string_lossy().chars() {
        match c {
            '%' | '?' | '#' | ' ' => write!(url, "%{:02X}", u32::from(c)).unwrap_or_default(),
            _ => url.push(c),
        }
    }
    url
}

#[cfg(test)]
mod tests;
