//! What the command line says about a fleet.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, io, path};

use clap::Args;
use messaging::Security;

use crate::binaries::{BinariesError, Origin};
use crate::fleets::{self, Fleet, FleetError};
use crate::manifest::BROKER;
use crate::plan::{Auth, Broker, Plan, PlanError, Settings, Stores};
use crate::shell;

/// The folder of a fleet unless told otherwise.
const DEFAULT_DIR: &str = ".flotilla";

/// Which fleet, and where its parts are. Whoever says the same finds the same fleet.
#[derive(Debug, Clone, Args)]
pub struct FleetArgs {
    /// The fleet: its name, or the path of a fleet.toml [default: the first there is]
    #[arg(long, env = "FLOTILLA_FLEET")]
    pub fleet: Option<String>,
    /// The folder of its stores and logs
    #[arg(long, env = "FLOTILLA_DIR", default_value = DEFAULT_DIR)]
    pub dir: PathBuf,
    /// A Kafka that runs already (host:port,…) instead of the embedded broker
    #[arg(long, env = "FLOTILLA_KAFKA")]
    pub kafka: Option<String>,
    /// How connections to it are protected
    #[command(flatten)]
    pub security: Security,
    /// Stores elsewhere than in SQLite files: a URL with {context} in it, such as `postgres://user@host/{context}`
    #[arg(long, env = "FLOTILLA_STORE", hide_env_values = true)]
    pub store: Option<String>,
    /// Where the gateway listens; everything else stays on 127.0.0.1
    #[arg(long, env = "FLOTILLA_HOST", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Added to every port of the fleet
    #[arg(long, env = "FLOTILLA_PORT_OFFSET", default_value_t = 0)]
    pub port_offset: u16,
    /// The port of the embedded broker [default: 9092 and the offset]
    #[arg(long, env = "FLOTILLA_BROKER_PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub broker_port: Option<u16>,
    /// The folder of the binaries [default: built when in the workspace, otherwise beside this command]
    #[arg(long, env = "FLOTILLA_BINARIES")]
    pub binaries: Option<PathBuf>,
}

/// What `flotilla up` can be told.
#[derive(Debug, Clone, Args)]
pub struct UpArgs {
    /// The fleet.
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// Ask who asks: with keys of the fleet's own, and tokens that `flotilla token` prints
    #[arg(long, env = "FLOTILLA_AUTH")]
    pub auth: bool,
    /// Believe the tokens of this identity provider (OIDC) instead; the audience is the fleet's name
    #[arg(long, env = "FLOTILLA_ISSUER", requires = "auth")]
    pub issuer: Option<String>,
    /// How long each process may take to become ready
    #[arg(long, env = "FLOTILLA_READY_WITHIN", default_value = "30s", value_parser = humantime::parse_duration)]
    pub ready_within: Duration,
    /// How long each process may take to stop before it is killed
    #[arg(long, env = "FLOTILLA_GRACE", default_value = "30s", value_parser = humantime::parse_duration)]
    pub grace: Duration,
    /// The level of the services' logs
    #[arg(long, env = "FLOTILLA_LOG", default_value = "info")]
    pub log: String,
    /// A log larger than this (in bytes) is put aside when its process starts
    #[arg(long, env = "FLOTILLA_LOG_LIMIT", default_value_t = crate::plan::LOG_LIMIT)]
    pub log_limit: u64,
}

/// Why the command line leads to no plan.
#[derive(Debug, thiserror::Error)]
pub enum ArgsError {
    /// A path is not usable.
    #[error("{}: {source}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is not clear where the binaries are.
    #[error(transparent)]
    Binaries(#[from] BinariesError),
    /// The fleet is not there, or is described wrongly.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// These choices do not fit together.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

impl FleetArgs {
    /// Where the binaries come from, and what runs.
    pub fn plan(&self) -> Result<(Origin, Plan), ArgsError> {
        self.plan_with(|settings| settings)
    }

    /// Where the binaries come from, and what the fleet is made of.
    pub fn find(&self) -> Result<(Origin, Fleet), ArgsError> {
        let origin = Origin::of_this_command(self.binaries.as_deref().map(absolute).transpose()?)?;
        let fleet = fleets::find(self.fleet.as_deref(), origin.workspace())?;
        Ok((origin, fleet))
    }

    /// The command that prints tokens for this fleet, by the name by which this command was started.
    fn token_command(&self) -> String {
        let program = env::args_os().next().unwrap_or_else(|| "flotilla".into());
        let mut words = vec![program.to_string_lossy().into_owned(), "token".to_owned()];
        words.extend(self.fleet.iter().flat_map(|fleet| ["--fleet".to_owned(), fleet.clone()]));
        if self.dir != Path::new(DEFAULT_DIR) {
            words.extend(["--dir".to_owned(), self.dir.display().to_string()]);
        }
        words.iter().map(|word| shell::word(word)).collect::<Vec<_>>().join(" ")
    }

    fn plan_with(&self, change: impl FnOnce(Settings) -> Settings) -> Result<(Origin, Plan), ArgsError> {
        let (origin, fleet) = self.find()?;
        let settings = Settings {
            host: self.host,
            broker: self.kafka.clone().map_or(Broker::Embedded, Broker::External),
            security: self.security.clone(),
            stores: self.store.clone().map_or(Stores::Embedded, Stores::External),
            port_offset: self.port_offset,
            ports: self.broker_port.map(|port| (BROKER.to_owned(), port)).into_iter().collect::<BTreeMap<_, _>>(),
            ..Settings::embedded(absolute(&self.dir)?, origin.folder())
        };
        let plan = Plan::new(&fleet, &change(settings))?;
        Ok((origin, plan))
    }
}

impl UpArgs {
    /// Where the binaries come from, and what to start.
    pub fn plan(&self) -> Result<(Origin, Plan), ArgsError> {
        let (log, log_limit) = (self.log.clone(), self.log_limit);
        let auth = self.auth.then(|| Auth { token_command: self.fleet.token_command(), issuer: self.issuer.clone() });
        self.fleet.plan_with(|settings| Settings { log, log_limit, auth, ..settings })
    }
}

/// The processes must find it wherever they are.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, ArgsError> {
    path::absolute(path).map_err(|source| ArgsError::Path { path: path.to_owned(), source })
}
