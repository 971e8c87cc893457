//! One context: the content of its `context.toml`.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

/// One context of a fleet.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// The name of the context, which is also the name of its folder.
    pub name: String,
    /// Its rank among the contexts of the fleet.
    #[serde(default)]
    pub rank: Rank,
    /// What it is for, in one sentence without a full stop.
    #[serde(default)]
    pub about: String,
    /// The package that cargo builds, unless it is `{name}-service`.
    #[serde(default)]
    package: Option<String>,
    /// The binary in that package, unless it is `{name}`. Its image has the same name.
    #[serde(default)]
    binary: Option<String>,
    /// The binary that simulates the external systems of the context. `flotilla up`, tests and Compose run it instead.
    #[serde(default)]
    pub simulator: Option<String>,
    /// How it is made and run, if cargo does not build it.
    #[serde(default)]
    pub program: Option<Program>,
    /// The port that it listens on, on the local machine.
    pub port: u16,
    /// The contexts that this context calls as itself.
    #[serde(default)]
    pub calls: Vec<String>,
    /// Additional environment variables. `{name}` is replaced by the base URL of a context.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The type in its package that is the context for `crates/context`. Without it the package has a function `document`.
    #[serde(rename = "type")]
    pub type_name: Option<String>,
    /// The type of its events in its contract package, if it publishes any.
    pub events: Option<String>,
    /// Its routes at the gateway.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// Its settings on Kubernetes, where they differ from `k8s/base/context`.
    #[serde(default)]
    pub kubernetes: Kubernetes,
}

/// A program that cargo does not build: the files in the folder of its context that stand for the package.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The script that makes it. Its argument is a folder, in which it leaves an executable file with the name of the binary. It
    /// ends with [`UNAVAILABLE`] if this machine lacks what the program needs.
    pub setup: String,
    /// The file that makes its image.
    pub dockerfile: String,
    /// Its `OpenAPI` document.
    pub document: String,
}

/// The exit code of a setup on a machine that lacks what the program needs: `EX_UNAVAILABLE`.
pub const UNAVAILABLE: i32 = 69;

/// The importance of a context to the business of its fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rank {
    /// The fleet exists for it.
    Core,
    /// The fleet needs it, and it is special to this fleet.
    #[default]
    Supporting,
    /// Other fleets have the same.
    Generic,
}

/// A route of the gateway to a context.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Route {
    /// The path.
    pub path: String,
    /// The methods.
    pub methods: Vec<String>,
    /// The roles, of which a caller needs one.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Further keys of a route, which the gateway reads and checks.
    #[serde(flatten)]
    pub settings: toml::Table,
}

/// Settings on Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kubernetes {
    /// The minimum number of replicas.
    pub min_replicas: Option<u32>,
    /// The maximum number of replicas.
    pub max_replicas: Option<u32>,
    /// The limit of CPU, such as `"2"` or `"500m"`.
    pub cpu: Option<String>,
    /// The limit of memory, such as `"512Mi"`.
    pub memory: Option<String>,
    /// Whether the optional component `lag` gives it more replicas while its consumer is behind.
    pub scale_on_lag: bool,
    /// Where its store is in the overlay `local`. A `MariaDB` is its store in Compose, too.
    pub store: LocalStore,
}

/// The store of a context on Kubernetes, in the overlay `local`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LocalStore {
    /// A database in the `PostgreSQL` of the fleet.
    #[default]
    Shared,
    /// A `PostgreSQL` of its own, on a volume of its own.
    Own,
    /// A `SQLite` file on a volume of its own, and therefore one replica.
    Sqlite,
    /// A `MariaDB` of its own, on a volume of its own: for a program that is none of cargo's.
    MariaDb,
}

/// The text of a `context.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextText {
    /// The name of its folder.
    pub folder: String,
    /// The text.
    pub text: String,
}

impl Context {
    /// The package that cargo builds.
    pub fn package(&self) -> String {
        self.package.clone().unwrap_or_else(|| format!("{}-service", self.name))
    }

    /// The package with its contract.
    pub fn contract_package(&self) -> String {
        let package = self.package();
        format!("{}-contract", package.strip_suffix("-service").unwrap_or(&package))
    }

    /// The binary in that package, and the name of its image.
    pub fn binary(&self) -> &str {
        self.binary.as_deref().unwrap_or(&self.name)
    }

    /// The binary of `flotilla up`, tests and Compose: the simulator, if there is one.
    pub fn local_binary(&self) -> &str {
        self.simulator.as_deref().unwrap_or_else(|| self.binary())
    }

    /// The name in environment variables: `MY_CRANE` for `my-crane`.
    pub fn variable(&self) -> String {
        self.name.to_ascii_uppercase().replace('-', "_")
    }
}

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Core => "core",
            Self::Supporting => "supporting",
            Self::Generic => "generic",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(text: &str) -> Context {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn package_and_binary_follow_from_the_name_unless_they_are_stated() {
        let crane = context("name = \"my-crane\"\nport = 1\n");
        assert_eq!((crane.package().as_str(), crane.binary()), ("my-crane-service", "my-crane"));
        assert_eq!(crane.local_binary(), "my-crane");
        assert_eq!(crane.contract_package(), "my-crane-contract");
        assert_eq!((crane.variable().as_str(), crane.rank), ("MY_CRANE", Rank::Supporting));
        let crane = context("name = \"crane\"\nport = 1\npackage = \"p\"\nbinary = \"b\"\n");
        assert_eq!((crane.package().as_str(), crane.binary()), ("p", "b"));
        let crane = context("name = \"crane\"\nport = 1\nsimulator = \"crane-simulator\"\n");
        assert_eq!((crane.binary(), crane.local_binary()), ("crane", "crane-simulator"));
        let crane = context("name = \"crane\"\nport = 1\npackage = \"p\"\nbinary = \"b\"\n");
        assert_eq!(crane.contract_package(), "p-contract");
    }

    #[test]
    fn a_program_that_cargo_does_not_build_names_the_files_that_make_it() {
        let text = "name = \"crane\"\nport = 1\n[program]\nsetup = \"setup\"\ndockerfile = \"Dockerfile\"\n";
        let crane = context(&format!("{text}document = \"openapi.json\"\n"));
        assert_eq!(crane.program.map(|program| program.setup).as_deref(), Some("setup"));
        assert!(toml::from_str::<Context>(text).is_err());
    }

    #[test]
    fn the_store_in_the_overlay_local_is_a_database_of_the_fleet_unless_it_is_stated() {
        let crane = |kubernetes: &str| context(&format!("name = \"crane\"\nport = 1\n{kubernetes}")).kubernetes.store;
        assert_eq!(crane(""), LocalStore::Shared);
        assert_eq!(crane("[kubernetes]\nstore = \"own\"\n"), LocalStore::Own);
        assert_eq!(crane("[kubernetes]\nstore = \"sqlite\"\n"), LocalStore::Sqlite);
        assert_eq!(crane("[kubernetes]\nstore = \"mariadb\"\n"), LocalStore::MariaDb);
    }

    #[test]
    fn a_route_keeps_the_keys_that_only_the_gateway_knows() {
        let text = "name = \"crane\"\nport = 1\n[[routes]]\npath = \"/lifts\"\nmethods = [\"GET\"]\nbody = 9\n";
        let route = context(text).routes.remove(0);
        assert_eq!((route.path.as_str(), route.roles.len()), ("/lifts", 0));
        assert_eq!(route.settings["body"].as_integer(), Some(9));
    }
}
