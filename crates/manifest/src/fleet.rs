//! A fleet: the content of its `fleet.toml`, with its contexts.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::GATEWAY;
use crate::context::Context;

/// The declaration of a fleet.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The name of the fleet and the prefix of its topics.
    pub name: String,
    /// Whether this is the fleet of a command that names none.
    #[serde(default)]
    pub default: bool,
    /// The gateway.
    pub gateway: Gateway,
    /// The contexts, in the order of their ports. `fleet.toml` may declare them itself; usually each has a folder with its
    /// `context.toml`.
    #[serde(rename = "context", default)]
    pub contexts: Vec<Context>,
    /// Example requests, shown after the start of the fleet.
    #[serde(rename = "try", default)]
    pub tries: Vec<ExampleRequest>,
    /// Settings that are insecure in production. Printed as warnings at every start.
    #[serde(rename = "open", default)]
    pub warnings: Vec<String>,
    /// The auditor, which `flotilla audit` runs.
    pub audit: Option<Check>,
    /// The chaos test, which `flotilla chaos` runs.
    pub chaos: Option<Check>,
}

/// A program that checks a fleet. It is not part of the fleet and is built on demand.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The package that cargo builds.
    pub package: String,
    /// The binary in that package.
    pub binary: String,
}

/// The gateway of a fleet.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// The package that cargo builds.
    #[serde(default = "gateway")]
    pub package: String,
    /// The binary in that package.
    #[serde(default = "gateway")]
    pub binary: String,
    /// The port that it listens on.
    pub port: u16,
    /// The routes file, beside `fleet.toml`. Its upstreams have the names of the contexts.
    pub routes: String,
    /// The `OpenAPI` document that the routes file names, beside `fleet.toml`.
    pub openapi: Option<String>,
    /// Additional environment variables. `{name}` is replaced by the base URL of a context.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Sections of the routes file besides upstreams and routes, such as `limits`. The gateway reads and checks them.
    #[serde(default)]
    pub settings: toml::Table,
}

/// An example request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExampleRequest {
    /// A description in terms of the business.
    #[serde(rename = "say")]
    pub description: String,
    /// The command. `{gateway}` is replaced by the base URL of the gateway.
    pub curl: String,
    /// The caller, for fleets with authentication.
    #[serde(rename = "as")]
    pub caller: Option<Claims>,
}

/// The claims of a token.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// The name of the caller.
    pub name: String,
    /// The role of the caller.
    pub role: String,
    /// Further claims.
    #[serde(default)]
    pub claims: BTreeMap<String, String>,
}

fn gateway() -> String {
    GATEWAY.to_owned()
}

impl Manifest {
    /// The context of this name.
    pub fn context(&self, name: &str) -> Option<&Context> {
        self.contexts.iter().find(|context| context.name == name)
    }

    /// The contexts that call this one as themselves.
    pub fn callers_of(&self, called: &str) -> impl Iterator<Item = &Context> {
        self.contexts.iter().filter(move |context| context.calls.iter().any(|name| name == called))
    }
}
