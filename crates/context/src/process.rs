use std::process::ExitCode;

use axum::Router;
use chassis::{AuthSettings, Host, openapi};
use clap::{Args, CommandFactory};
use messaging::{EventHandler, Messaging};
use store::{Migrations, Row, Store};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::{CallSettings, Repository, ServiceClient};

/// A bounded context: one process.
pub trait Context: 'static {
    /// The name: the last part of its topic, and the name of its binary.
    const NAME: &'static str;

    /// One sentence about it.
    const ABOUT: &'static str;

    /// The version of its package.
    const VERSION: &'static str;

    /// The tables of its own.
    const MIGRATIONS: Migrations;

    /// The tables of the pieces that it uses, such as [`store::idempotency::MIGRATIONS`]. Those of messaging are always
    /// there.
    const PIECES: &'static [Migrations] = &[];

    /// Environment variables that have a new name. The old names are read for one more version.
    const RENAMED: &'static [(&'static str, &'static str)] = &[];

    /// The settings of its own.
    type Settings: Args + Clone + Send + 'static;

    /// The state of its handlers.
    type State: Clone + Send + Sync + 'static;

    /// Its routes, and what the `OpenAPI` document states about them.
    fn handlers() -> OpenApiRouter<Self::State>;

    /// Starts its background tasks. Returns the state of the handlers, and further routes: those for operators
    /// ([`Parts::consume`]), and those of other interfaces.
    fn start(parts: Parts<Self::Settings>) -> anyhow::Result<(Self::State, Router)>;
}

/// The `OpenAPI` document of a context.
pub fn document<C: Context>() -> OpenApi {
    openapi::document(C::NAME, C::ABOUT, C::VERSION, C::handlers().into_openapi())
}

/// A context without settings of its own.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct NoSettings {}

/// All settings of a process.
#[derive(Debug, Clone, clap::Parser)]
#[group(skip)]
pub struct Config<S: Args> {
    /// Of every process.
    #[command(flatten)]
    pub chassis: chassis::Config,
    /// Of the store.
    #[command(flatten)]
    pub store: store::Config,
    /// Of the broker.
    #[command(flatten)]
    pub messaging: messaging::Config,
    /// Of the context.
    #[command(flatten)]
    pub own: S,
}

/// The parts of a starting process.
pub struct Parts<S> {
    /// The name of the context.
    pub name: &'static str,
    /// The settings of authentication.
    pub trust: AuthSettings,
    /// The settings of the context.
    pub settings: S,
    /// The process.
    pub host: Host,
    /// The open store.
    pub store: Store,
    /// The outbox and the consumer.
    pub messaging: Messaging,
}

impl<S> Parts<S> {
    /// The rows of a table.
    pub fn repository<R: Row>(&self) -> Repository<R> {
        Repository::new(&self.store, self.messaging.outbox(), self.host.clock())
    }

    /// Another context that this one calls at `url`. Fails with settings with which that one would reject every call.
    pub fn client(&self, callee: &'static str, url: &str, settings: &CallSettings) -> anyhow::Result<ServiceClient> {
        settings.check(&self.trust)?;
        ServiceClient::new(self.name, callee, url, settings, &self.host)
    }

    /// Starts to consume events, and to publish those of the outbox. Returns the routes for operators.
    pub fn consume<P: EventHandler>(self, policies: P) -> anyhow::Result<Router> {
        Ok(self.messaging.start(&self.host, policies)?)
    }
}

/// The process of a context.
pub fn main<C: Context>() -> ExitCode {
    let command = Config::<C::Settings>::command().name(C::NAME).about(C::ABOUT).version(C::VERSION);
    let config: Config<C::Settings> = chassis::settings_by(command, C::RENAMED);
    chassis::run(C::NAME, config.chassis.clone(), async |host| {
        chassis::warn_of_old_names(C::RENAMED);
        build::<C>(config, host).await
    })
}

/// All tables of a context.
pub fn migrations<C: Context>() -> Vec<Migrations> {
    [&[messaging::MIGRATIONS], C::PIECES, &[C::MIGRATIONS]].concat()
}

/// Opens the store and starts the context. Returns all its routes.
pub async fn build<C: Context>(config: Config<C::Settings>, host: Host) -> anyhow::Result<Router> {
    let store = Store::open(&config.store, &migrations::<C>()).await?;
    host.readiness("store", store.readiness());
    let messaging = Messaging::new(&config.messaging, C::NAME, &store, &host);
    let (trust, settings) = (config.chassis.trust, config.own);
    let (state, further) = C::start(Parts { name: C::NAME, trust, settings, host, store, messaging })?;
    Ok(Router::from(C::handlers()).with_state(state).merge(further))
}
