//! Command line arguments that select and start a fleet.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, io, path};

use clap::Args;
use files::Rotation;
use messaging::Security;

use crate::describe::fleets::{self, Fleet, FleetError};
use crate::plan::binaries::{BinariesError, Origin};
use crate::plan::draft::PlanError;
use crate::plan::fleet_plan::Plan;
use crate::plan::settings::{Auth, Broker, Settings, Stores};
use crate::plan::{ports, shell};
use manifest::{BROKER, Manifest};

/// Arguments that select a fleet. The same arguments select the same fleet in every command.
#[derive(Debug, Clone, Args)]
pub struct FleetArgs {
    /// Name of the fleet, or path of a fleet.toml [default: the first fleet found]
    #[arg(long, env = "FLOTILLA_FLEET")]
    pub fleet: Option<String>,
    /// Folder of the stores and logs [default: .flotilla for the default fleet, .flotilla-NAME for another one]
    #[arg(long, env = "FLOTILLA_DIR")]
    pub dir: Option<PathBuf>,
    /// Use a running Kafka (host:port,…) instead of the embedded broker
    #[arg(long, env = "FLOTILLA_KAFKA")]
    pub kafka: Option<String>,
    /// Security of the connections to the broker
    #[command(flatten)]
    pub security: Security,
    /// Store URL with the placeholder {context}, such as `postgres://user@host/{context}`, instead of SQLite files
    #[arg(long, env = "FLOTILLA_STORE", hide_env_values = true)]
    pub store: Option<String>,
    /// Address that the gateway listens on; all other processes listen on 127.0.0.1
    #[arg(long, env = "FLOTILLA_HOST", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Added to every port of the fleet [default of `up`: the first of 0, 100, … 900 whose ports are free; of the other
    /// commands: the one of the last `up` in the same folder]
    #[arg(long, env = "FLOTILLA_PORT_OFFSET")]
    pub port_offset: Option<u16>,
    /// Port of the embedded broker [default: 9092 plus the offset]
    #[arg(long, env = "FLOTILLA_BROKER_PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub broker_port: Option<u16>,
    /// Folder of the binaries [default: build them in the workspace, else the folder of this command]
    #[arg(long, env = "FLOTILLA_BINARIES")]
    pub binaries: Option<PathBuf>,
}

/// Arguments of `flotilla up`.
#[derive(Debug, Clone, Args)]
pub struct UpArgs {
    /// The fleet.
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// Enable authentication with generated keys; `flotilla token` prints tokens
    #[arg(long, env = "FLOTILLA_AUTH")]
    pub auth: bool,
    /// Trust the tokens of this OIDC issuer instead; the audience is the name of the fleet
    #[arg(long, env = "FLOTILLA_ISSUER", requires = "auth")]
    pub issuer: Option<String>,
    /// Time limit for each process to become ready
    #[arg(long, env = "FLOTILLA_READY_WITHIN", default_value = "30s", value_parser = humantime::parse_duration)]
    pub ready_within: Duration,
    /// Time limit for each process to stop before it is killed
    #[arg(long, env = "FLOTILLA_GRACE", default_value = "30s", value_parser = humantime::parse_duration)]
    pub grace: Duration,
    /// Log level of the services
    #[arg(long, env = "FLOTILLA_LOG", default_value = "info")]
    pub log: String,
    /// Size in bytes above which a log is rotated to `log.1.txt`
    #[arg(long, env = "FLOTILLA_LOG_LIMIT", default_value_t = Rotation::DEFAULT.limit, value_parser = clap::value_parser!(u64).range(1..))]
    pub log_limit: u64,
    /// Number of rotated logs kept for each process
    #[arg(long, env = "FLOTILLA_LOGS_KEPT", default_value_t = Rotation::DEFAULT.kept)]
    pub logs_kept: u32,
}

/// Why no plan can be made from the command line.
#[derive(Debug, thiserror::Error)]
pub enum ArgsError {
    /// A path cannot be used.
    #[error("{}: {source}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The origin of the binaries is unknown.
    #[error(transparent)]
    Binaries(#[from] BinariesError),
    /// The fleet is unknown or its description is invalid.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The arguments contradict each other.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

impl FleetArgs {
    /// The origin of the binaries and the plan of the fleet, on the ports of its last start.
    pub fn plan(&self) -> Result<(Origin, Plan), ArgsError> {
        self.plan_with(|settings| Settings {
            port_offset: self.port_offset.unwrap_or_else(|| ports::kept_offset(&settings.dir)),
            ..settings
        })
    }

    /// The folder of the fleet.
    pub fn folder(&self, manifest: &Manifest) -> Result<PathBuf, ArgsError> {
        absolute(&self.dir.clone().unwrap_or_else(|| default_folder(manifest)))
    }

    /// The origin of the binaries and the description of the fleet.
    pub fn find(&self) -> Result<(Origin, Fleet), ArgsError> {
        let origin = Origin::of_this_command(self.binaries.as_deref().map(absolute).transpose()?)?;
        let fleet = fleets::find(self.fleet.as_deref(), origin.workspace())?;
        Ok((origin, fleet))
    }

    /// The command that prints tokens for this fleet, with the path by which this command was started.
    fn token_command(&self) -> String {
        let program = env::args_os().next().unwrap_or_else(|| "flotilla".into());
        let mut words = vec![program.to_string_lossy().into_owned(), "token".to_owned()];
        words.extend(self.fleet.iter().flat_map(|fleet| ["--fleet".to_owned(), fleet.clone()]));
        words.extend(self.dir.iter().flat_map(|dir| ["--dir".to_owned(), dir.display().to_string()]));
        words.iter().map(|word| shell::word(word)).collect::<Vec<_>>().join(" ")
    }

    fn plan_with(&self, change: impl FnOnce(Settings) -> Settings) -> Result<(Origin, Plan), ArgsError> {
        let (origin, fleet) = self.find()?;
        let dir = self.folder(&fleet.manifest)?;
        if dir.to_str().is_none() {
            // The processes get the path in URLs and in text.
            let source = io::Error::new(io::ErrorKind::InvalidInput, "the name of the folder is not UTF-8");
            return Err(ArgsError::Path { path: dir, source });
        }
        let settings = Settings {
            host: self.host,
            broker: self.kafka.clone().map_or(Broker::Embedded, Broker::External),
            security: self.security.clone(),
            stores: self.store.clone().map_or(Stores::Embedded, Stores::External),
            ports: self.broker_port.map(|port| (BROKER.to_owned(), port)).into_iter().collect::<BTreeMap<_, _>>(),
            ..Settings::embedded(dir, origin.folder())
        };
        let plan = Plan::new(&fleet, &change(settings))?;
        Ok((origin, plan))
    }
}

impl UpArgs {
    /// The origin of the binaries and the plan of the fleet, with this number added to every port.
    pub fn plan(&self, port_offset: u16) -> Result<(Origin, Plan), ArgsError> {
        let (log, rotation) = (self.log.clone(), Rotation { limit: self.log_limit, kept: self.logs_kept });
        let auth = self.auth.then(|| Auth { token_command: self.fleet.token_command(), issuer: self.issuer.clone() });
        self.fleet.plan_with(|settings| Settings { port_offset, log, rotation, auth, ..settings })
    }
}

/// The folder of a fleet if the user names none.
pub(crate) fn default_folder(manifest: &Manifest) -> PathBuf {
    if manifest.default { ".flotilla".into() } else { format!(".flotilla-{}", manifest.name).into() }
}

/// Makes a path absolute, because the processes run in other folders.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, ArgsError> {
    path::absolute(path).map_err(|source| ArgsError::Path { path: path.to_owned(), source })
}
