//! The binary `gateway`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use chassis::{Host, Plain};
use clap::{CommandFactory, Parser};
use gateway::edge::reload::{self, CurrentEdge};
use gateway::edge::routes_file::RoutesFile;
use gateway::edge::tls::{CertificateFiles, Tls};
use gateway::request::authenticator::Authenticator;

/// The gateway of a fleet: forwards requests to its services.
///
/// UPSTREAM_<NAME> replaces the address of the service <name> in the routes file.
#[derive(Parser, Debug)]
#[command(version)]
struct Settings {
    #[command(flatten)]
    chassis: chassis::Config,

    /// The routes file (TOML): which paths lead to which service.
    #[arg(long, env = "GATEWAY_ROUTES", default_value = "gateway.toml")]
    routes: PathBuf,

    /// Address and port for /livez, /readyz and /metrics. Without it they are served on the port of the routes, to
    /// every client of the gateway.
    #[arg(long, env = "GATEWAY_ADMIN")]
    admin: Option<SocketAddr>,

    /// The private key (Ed25519, PEM) that signs passes. Services get its public half by `INTERNAL_TOKEN_PUBLIC_KEY_FILE`.
    #[arg(long, alias = "pass-signing-key-file", env = "INTERNAL_TOKEN_SIGNING_KEY_FILE")]
    internal_token_signing_key_file: Option<PathBuf>,

    /// The certificate chain (PEM) for HTTPS: HTTP/2 and HTTP/1.1. It is read again when it changes. Needs
    /// `GATEWAY_ADMIN`: probes do not know the certificate.
    #[arg(long, env = "TLS_CERT_FILE", requires_all = ["tls_key_file", "admin"])]
    tls_cert_file: Option<PathBuf>,

    /// The private key of the certificate (PEM).
    #[arg(long, env = "TLS_KEY_FILE", requires = "tls_cert_file")]
    tls_key_file: Option<PathBuf>,

    /// Interval at which the routes file and the certificate are checked for changes. SIGHUP checks the routes file at
    /// once.
    #[arg(long, env = "GATEWAY_RELOAD_EVERY", default_value = "2s", value_parser = humantime::parse_duration)]
    reload_every: Duration,
}

impl Settings {
    /// Defaults that differ from those of services: the port is 8088, not 8080. The routes file limits request bodies.
    fn read() -> Self {
        let command = Self::command()
            .mut_arg("listen", |listen| listen.default_value("127.0.0.1:8088"))
            .mut_arg("max_streams", |streams| streams.default_value("100"))
            // Clients are untrusted, and each has connections of its own.
            .mut_arg("max_resets", |resets| resets.default_value("20"))
            .mut_arg("connection_share", |share| share.default_value("50%"))
            .mut_arg("body_limit", |unused| unused.hide(true))
            .mut_arg("body_read_timeout", |unused| unused.hide(true))
            .mut_arg("internal_token_public_key_file", |unused| unused.hide(true))
            .mut_arg("service_public_key_file", |unused| unused.hide(true))
            .mut_arg("operator_role", |unused| unused.hide(true));
        chassis::settings_by(command, &[])
    }

    fn tls(&self, host: &Host) -> anyhow::Result<Option<Tls>> {
        let (Some(certificate), Some(key)) = (self.tls_cert_file.clone(), self.tls_key_file.clone()) else {
            return Ok(None);
        };
        let tls = Tls::start(CertificateFiles { certificate, key }, self.reload_every, host);
        tls.map(Some).context("no HTTPS (set by TLS_CERT_FILE, TLS_KEY_FILE)")
    }

    fn routes(&self, host: &Host) -> anyhow::Result<CurrentEdge> {
        let file = RoutesFile::new(&self.routes);
        let loaded = file.read()?;
        let required = self.chassis.trust.require_identity;
        let authenticator =
            Authenticator::start(&loaded.config, self.internal_token_signing_key_file.as_deref(), required, host)?;
        Ok(reload::start(file, loaded, authenticator, self.reload_every, host)?)
    }
}

fn main() -> ExitCode {
    let mut settings = Settings::read();
    settings.chassis.begins_traces = true;
    settings.chassis.threads = chassis::Threads::PerCpu;
    let mut chassis = settings.chassis.clone();
    // The gateway authenticates by its routes file.
    chassis.trust = chassis::AuthSettings::default();
    let Some(admin) = settings.admin else {
        return chassis::run("gateway", chassis, async |host| settings.routes(&host));
    };
    let (edge, limits) = (chassis.listen, chassis.serve_limits());
    chassis.listen = admin;
    chassis::run("gateway", chassis, async |host| {
        let tls = settings.tls(&host)?;
        serve_edge(&host, edge, tls, limits, settings.routes(&host)?)?;
        Ok(Router::new())
    })
}

/// Serves the routes on a listener of their own, apart from health and metrics.
fn serve_edge(
    host: &Host,
    edge: SocketAddr,
    tls: Option<Tls>,
    limits: chassis::ServeLimits,
    routes: CurrentEdge,
) -> anyhow::Result<()> {
    let listener = chassis::listen(edge).with_context(|| format!("cannot listen on {edge} (set by LISTEN)"))?;
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
