//! Makes a plan from a manifest and settings. Starts and writes nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use messaging::Protection;

use crate::describe::fleets::Fleet;
use crate::describe::role::Role;
use crate::plan::fleet_plan::Plan;
use crate::plan::keyring::Keyring;
use crate::plan::process_spec::{LOOPBACK, ProcessSpec, Ready, Setup, readyz, url};
use crate::plan::settings::{Broker, Settings, Stores};
use manifest::{BROKER, Context, ExampleRequest, GATEWAY, Manifest, Rank, template};

/// The default port of the embedded broker.
pub const BROKER_PORT: u16 = 9092;

/// The folder of the programs that cargo does not build, in the folder of a fleet. No context has such a name.
const PROGRAMS: &str = ".programs";

const BROKER_PACKAGE: &str = "embedded-broker";
const BROKER_BINARY: &str = "flotilla-broker";

/// Why no plan can be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Two contexts would share one database.
    #[error("--store needs {{context}} in it: each context has a database of its own")]
    SharedStore,
    /// The embedded broker has no TLS and no authentication.
    #[error("KAFKA_SECURITY is {0}: that is for a Kafka that --kafka names, the embedded broker has no TLS")]
    Embedded(&'static str),
    /// A port above 65535.
    #[error("the port of {name} would be {port}: choose a smaller --port-offset")]
    Port {
        /// The name of the process.
        name: String,
        /// The port with the offset.
        port: u32,
    },
}

impl Plan {
    /// The plan of this fleet with these settings.
    pub fn new(fleet: &Fleet, settings: &Settings) -> Result<Self, PlanError> {
        if matches!(&settings.stores, Stores::External(url) if !template::names(url).contains(&"context")) {
            return Err(PlanError::SharedStore);
        }
        if settings.broker == Broker::Embedded && settings.security.kafka_security != Protection::Plaintext {
            return Err(PlanError::Embedded(settings.security.kafka_security.name()));
        }
        let (manifest, folder) = (&fleet.manifest, fleet.folder.as_deref());
        let draft = Draft { manifest, folder, settings, addresses: addresses(manifest, settings)? };
        let mut plan = draft.plan(fleet);
        if let Some(auth) = &settings.auth {
            plan.require_identity(auth.clone());
        }
        Ok(plan)
    }
}

fn addresses(manifest: &Manifest, settings: &Settings) -> Result<BTreeMap<String, SocketAddr>, PlanError> {
    let contexts = manifest.contexts.iter().map(|context| (context.name.as_str(), LOOPBACK, context.port));
    let others = [(GATEWAY, settings.host, manifest.gateway.port), (BROKER, LOOPBACK, BROKER_PORT)];
    let mut addresses = BTreeMap::new();
    for (name, host, port) in contexts.chain(others) {
        let sum = u32::from(port) + u32::from(settings.port_offset);
        let chosen = settings.ports.get(name).copied().map_or_else(|| u16::try_from(sum), Ok);
        let port = chosen.map_err(|_| PlanError::Port { name: name.to_owned(), port: sum })?;
        addresses.insert(name.to_owned(), SocketAddr::new(host, port));
    }
    Ok(addresses)
}

/// A plan in progress; every address is known.
struct Draft<'a> {
    manifest: &'a Manifest,
    /// The folder of the contexts, if it is known.
    folder: Option<&'a Path>,
    settings: &'a Settings,
    addresses: BTreeMap<String, SocketAddr>,
}

impl Draft<'_> {
    fn plan(&self, fleet: &Fleet) -> Plan {
        let dir = self.settings.dir.clone();
        let routes = dir.join(GATEWAY).join("routes.toml");
        let broker = (self.settings.broker == Broker::Embedded).then(|| self.broker());
        let (missing, contexts): (Vec<_>, Vec<_>) =
            self.manifest.contexts.iter().partition(|context| self.is_left_out(context));
        let contexts = contexts.into_iter().map(|context| self.context(context));
        let processes = broker.into_iter().chain(contexts).chain([self.gateway(&routes)]).collect();
        let document = fleet.openapi.as_ref().map(|(name, text)| (routes.with_file_name(name), text.clone()));
        let tries = self
            .manifest
            .tries
            .iter()
            .map(|one| ExampleRequest { curl: self.fill(&one.curl), ..one.clone() })
            .collect();
        Plan {
            fleet: self.manifest.name.clone(),
            dir,
            port_offset: self.settings.port_offset,
            processes,
            gateway_files: [(routes, fleet.routes.clone())].into_iter().chain(document).collect(),
            brokers: self.brokers(),
            security: self.settings.security.clone(),
            gateway: url(self.addresses[GATEWAY]),
            tries,
            warnings: self.manifest.warnings.iter().cloned().chain(missing.into_iter().map(left_out)).collect(),
            keyring: Keyring::new(self.manifest, &self.settings.dir),
            auth: None,
        }
    }

    fn broker(&self) -> ProcessSpec {
        let mut broker = self.process(BROKER, Role::Broker, BROKER_PACKAGE, BROKER_BINARY);
        broker.ready = Ready::Accepts;
        broker.env.insert("BROKER_LISTEN".to_owned(), broker.listen.to_string());
        broker.env.insert("BROKER_DIR".to_owned(), broker.folder.display().to_string());
        // At the log level of the services the broker logs every request; its default is higher.
        broker.env.remove("LOG");
        broker
    }

    fn gateway(&self, routes: &Path) -> ProcessSpec {
        let Self { manifest: Manifest { gateway, .. }, .. } = self;
        let mut spec = self.process(GATEWAY, Role::Gateway, &gateway.package, &gateway.binary);
        spec.env.extend(self.filled(&gateway.env));
        for context in &self.manifest.contexts {
            let variable = format!("UPSTREAM_{}", context.variable());
            spec.env.insert(variable, url(self.addresses[&context.name]));
        }
        spec.env.insert("GATEWAY_ROUTES".to_owned(), routes.display().to_string());
        spec
    }

    fn context(&self, context: &Context) -> ProcessSpec {
        let mut spec = self.process(&context.name, Role::Context, &context.package(), context.local_binary());
        self.set_up(context, &mut spec);
        spec.env.extend(self.filled(&context.env));
        let store = match &self.settings.stores {
            Stores::Embedded => store::file_url(&spec.folder.join("store.db")),
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

    /// Whether a program that cargo does not build is neither among the binaries nor can be made, and the fleet runs without it.
    fn is_left_out(&self, context: &Context) -> bool {
        let cannot_be_made = context.program.is_some() && self.folder.is_none() && context.rank != Rank::Core;
        cannot_be_made && !self.settings.binaries.join(context.binary()).is_file()
    }

    /// A program that cargo does not build is made below the folder of the fleet, unless it is among the binaries.
    fn set_up(&self, context: &Context, spec: &mut ProcessSpec) {
        let Some((program, source)) = context.program.as_ref().zip(self.folder) else { return };
        if !spec.program.is_file() {
            let folder = self.settings.dir.join(PROGRAMS).join(&context.name);
            let script = source.join(&context.name).join(&program.setup);
            spec.program = folder.join(context.binary());
            spec.setup = Some(Setup { script, folder, is_optional: context.rank != Rank::Core });
        }
    }

    fn process(&self, name: &str, role: Role, package: &str, binary: &str) -> ProcessSpec {
        let listen = self.addresses[name];
        let env = [
            ("LISTEN", listen.to_string()),
            ("FLEET", self.manifest.name.clone()),
            ("LOG", self.settings.log.clone()),
            // The supervisor holds the other end of stdin, so no process outlives it.
            ("STOP_ON_STDIN_EOF", "true".to_owned()),
        ];
        ProcessSpec {
            name: name.to_owned(),
            role,
            package: package.to_owned(),
            program: self.settings.binaries.join(binary),
            setup: None,
            env: env.map(|(name, value)| (name.to_owned(), value)).into(),
            listen,
            ready: readyz(listen),
            folder: self.settings.dir.join(name),
            rotation: self.settings.rotation,
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

fn left_out(context: &Context) -> String {
    format!("{} is left out: {} is not among the binaries", context.name, context.binary())
}
