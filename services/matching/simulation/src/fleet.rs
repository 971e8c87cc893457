use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use axum::Router;
use chassis::Host;
use clap::Parser;
use payment_service::OtherProvider;
use simulation::{Build, Process, World};

use crate::provider::Till;

/// The fleet's name: its topics begin with it.
pub(crate) const FLEET: &str = "matching";

/// Each process, and its context: two replicas of those that decide something.
pub(crate) const PROCESSES: [(&str, &str); 7] = [
    ("match-1", "match"),
    ("match-2", "match"),
    ("payment-1", "payment"),
    ("payment-2", "payment"),
    ("visit-1", "visit"),
    ("visit-2", "visit"),
    ("mypage-1", "mypage"),
];

/// Starts all processes.
pub(crate) fn start(world: &Arc<World>, till: &Arc<Till>) -> io::Result<()> {
    for (name, context) in PROCESSES {
        let url = world.store_url(context, name)?;
        let build = match context {
            "match" => build_match(world, name, &url),
            "payment" => build_payment(world, till, name, &url),
            "visit" => build_visit(world, name, &url),
            _ => build_mypage(world, name, &url),
        };
        world.run(Process { name: name.to_owned(), context: context.to_owned(), build });
    }
    Ok(())
}

/// The stores, as the auditor opens them.
pub(crate) fn stores(world: &World) -> io::Result<BTreeMap<String, String>> {
    let url = |context: &str| Ok((context.to_owned(), world.store_url(context, &format!("audit-{context}"))?));
    matching_audit::CONTEXTS.into_iter().map(url).collect()
}

/// A service's settings, from their defaults.
fn settings<C: Parser>(store_url: &str) -> C {
    C::parse_from(["service", "--fleet", FLEET, "--store-url", store_url, "--store-connections", "2"])
}

fn builder<C, F, B>(config: C, build: B) -> Build
where
    C: Clone + 'static,
    F: Future<Output = anyhow::Result<Router>> + 'static,
    B: Fn(C, Host) -> F + 'static,
{
    Rc::new(move |host| Box::pin(build(config.clone(), host)))
}

fn build_match(world: &Arc<World>, name: &str, url: &str) -> Build {
    let mut config: match_service::Config = settings(url);
    config.messaging.broker = world.broker_of(name);
    config.payment_transport = Some(world.transport(name, "payment"));
    builder(config, match_service::build)
}

fn build_payment(world: &Arc<World>, till: &Arc<Till>, name: &str, url: &str) -> Build {
    let mut config: payment_service::Config = settings(url);
    config.messaging.broker = world.broker_of(name);
    config.provider = OtherProvider(Some(Arc::clone(till) as _));
    builder(config, payment_service::build)
}

fn build_visit(world: &Arc<World>, name: &str, url: &str) -> Build {
    let mut config: visit_service::Config = settings(url);
    config.messaging.broker = world.broker_of(name);
    builder(config, visit_service::build)
}

fn build_mypage(world: &Arc<World>, name: &str, url: &str) -> Build {
    let mut config: mypage_service::Config = settings(url);
    config.messaging.broker = world.broker_of(name);
    builder(config, mypage_service::build)
}
