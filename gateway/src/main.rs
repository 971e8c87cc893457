//! The binary `gateway`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use chassis::{Host, Plain};
use clap::{CommandFactory, FromArgMatches, Parser};
use gateway::guard::Guard;
use gateway::reload::{self, InForce, RoutesFile};
use gateway::tls::{Files, Tls};
use tokio::net::TcpListener;

/// The only way in to a fleet: forwards requests to its services.
///
/// UPSTREAM_<NAME> replaces the address of the service <name> in the routes file.
#[derive(Parser, Debug)]
#[command(version)]
struct Settings {
    #[command(flatten)]
    chassis: chassis::Config,

    /// The file that says what leads where (TOML).
    #[arg(long, env = "GATEWAY_ROUTES", default_value = "gateway.toml")]
    routes: PathBuf,

    /// Address and port for /livez, /readyz and /metrics alone. Without it they are served beside the routes, where
    /// everyone who reaches the gateway can read them.
    #[arg(long, env = "GATEWAY_ADMIN")]
    admin: Option<SocketAddr>,

    /// The file with the private key (Ed25519, PEM) that passes are signed with: what the services know by `PASS_KEY_FILE`.
    #[arg(long, env = "PASS_SIGNING_KEY_FILE")]
    pass_signing_key_file: Option<PathBuf>,

    /// The certificate (PEM, with those that lead to a root) to speak HTTPS with: HTTP/2 and HTTP/1.1. It is read again when
    /// it changes. Needs `GATEWAY_ADMIN`: whoever watches the process knows no certificate.
    #[arg(long, env = "TLS_CERT_FILE", requires_all = ["tls_key_file", "admin"])]
    tls_cert_file: Option<PathBuf>,

    /// The private key of the certificate (PEM).
    #[arg(long, env = "TLS_KEY_FILE", requires = "tls_cert_file")]
    tls_key_file: Option<PathBuf>,

    /// How often the routes file is looked at, and the certificate; SIGHUP has the routes file looked at at once.
    #[arg(long, env = "GATEWAY_RELOAD_EVERY", default_value = "2s", value_parser = humantime::parse_duration)]
    reload_every: Duration,
}

impl Settings {
    /// The chassis says 8080, where the services are; the gateway is found at 8088. Bodies are bounded by the routes
    /// file: nothing here reads one.
    fn read() -> Self {
        let command = Self::command()
            .mut_arg("listen", |listen| listen.default_value("127.0.0.1:8088"))
            .mut_arg("max_streams", |streams| streams.default_value("100"))
            .mut_arg("body_limit", |unused| unused.hide(true))
            .mut_arg("body_read_timeout", |unused| unused.hide(true))
            .mut_arg("pass_key_file", |unused| unused.hide(true))
            .mut_arg("caller_key_file", |unused| unused.hide(true))
            .mut_arg("operator_role", |unused| unused.hide(true));
        Self::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
    }

    fn tls(&self, host: &Host) -> anyhow::Result<Option<Tls>> {
        let (Some(certificate), Some(key)) = (self.tls_cert_file.clone(), self.tls_key_file.clone()) else {
            return Ok(None);
        };
        let tls = Tls::start(Files { certificate, key }, self.reload_every, host);
        tls.map(Some).context("no HTTPS (set by TLS_CERT_FILE, TLS_KEY_FILE)")
    }

    fn routes(&self, host: &Host) -> anyhow::Result<InForce> {
        let file = RoutesFile::new(&self.routes);
        let read = file.read()?;
        let required = self.chassis.trust.require_identity;
        let guard = Guard::start(&read.config, self.pass_signing_key_file.as_deref(), required, host)?;
        Ok(reload::start(file, read, guard, self.reload_every, host)?)
    }
}

fn main() -> ExitCode {
    let mut settings = Settings::read();
    settings.chassis.begins_traces = true;
    settings.chassis.threads = chassis::Threads::PerCpu;
    let mut chassis = settings.chassis.clone();
    // Whom the gateway believes is said by its routes file.
    chassis.trust = chassis::Trust::default();
    let Some(admin) = settings.admin else {
        return chassis::run("gateway", chassis, async |host| settings.routes(&host));
    };
    let (edge, limits) = (chassis.listen, chassis.serve_limits());
    chassis.listen = admin;
    chassis::run("gateway", chassis, async |host| {
        let tls = settings.tls(&host)?;
        serve_edge(&host, edge, tls, limits, settings.routes(&host)?).await?;
        Ok(Router::new())
    })
}

/// Serves the routes on a listener of their own, away from health and metrics.
async fn serve_edge(
    host: &Host,
    edge: SocketAddr,
    tls: Option<Tls>,
    limits: chassis::ServeLimits,
    routes: InForce,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(edge).await.with_context(|| format!("cannot listen on {edge} (set by LISTEN)"))?;
    let (serving, stopping) = (host.clone(), host.stopping());
    host.spawn("edge", async move {
        match tls {
            Some(tls) => chassis::serve(listener, tls, routes, limits, serving).await,
            None => chassis::serve(listener, Plain, routes, limits, serving).await,
        }
        stopping.cancelled().await;
    });
    Ok(())
}
