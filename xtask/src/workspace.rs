//! The packages of the workspace, where each belongs, and what it stands on.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Node};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// By package name, the names of the packages it is built with (normal dependencies only).
pub type Graph = BTreeMap<String, BTreeSet<String>>;

/// The workspace, as far as the rules need it.
pub struct Workspace {
    /// Its top folder.
    pub root: PathBuf,
    /// Its members.
    pub packages: Vec<Package>,
    /// Everything that is built, members and foreign crates.
    pub graph: Graph,
}

/// A member of the workspace.
#[derive(Debug, Clone)]
pub struct Package {
    /// As in its manifest.
    pub name: String,
    /// Its folder, below the top folder.
    pub folder: String,
    /// What its manifest names.
    pub dependencies: Vec<Dependency>,
}

/// A line of a manifest.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// The package's name, not what it was renamed to.
    pub name: String,
    /// Whether only its tests use it.
    pub for_tests: bool,
}

/// Where a package belongs. The folder alone decides it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `crates/*`: knows no fleet.
    Crate,
    /// `gateway`.
    Gateway,
    /// `xtask`.
    Tool,
    /// `services/FLEET/CONTEXT`.
    Service(Context),
    /// `services/FLEET/CONTEXT/contract`: the events that others may know.
    Contract(Context),
    /// `services/FLEET/CONTEXT/domain`: the rules, without I/O.
    Domain(Context),
    /// `services/FLEET/tests`, `bench`, `audit`, `simulation`, `chaos`, `hostile` and `contracts`: what tries, measures or
    /// checks a whole fleet.
    WholeFleet(String),
}

/// A bounded context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The folder of its fleet.
    pub fleet: String,
    /// Its own folder.
    pub name: String,
}

impl Place {
    /// `None`: a folder that no rule knows.
    pub fn of(folder: &str) -> Option<Self> {
        let parts: Vec<&str> = folder.split('/').collect();
        let context = |fleet: &str, name: &str| Context { fleet: fleet.to_owned(), name: name.to_owned() };
        Some(match parts[..] {
            ["crates", _] => Self::Crate,
            ["gateway"] => Self::Gateway,
            ["xtask"] => Self::Tool,
            ["services", fleet, "audit" | "bench" | "chaos" | "contracts" | "hostile" | "simulation" | "tests"] => {
                Self::WholeFleet(fleet.to_owned())
            }
            ["services", fleet, name] => Self::Service(context(fleet, name)),
            ["services", fleet, name, "contract"] => Self::Contract(context(fleet, name)),
            ["services", fleet, name, "domain"] => Self::Domain(context(fleet, name)),
            _ => return None,
        })
    }
}

impl Package {
    /// Where findings about it are shown.
    pub fn manifest(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }
}

impl Workspace {
    /// Asks cargo. The lock file is left as it is.
    pub fn read() -> anyhow::Result<Self> {
        let metadata = MetadataCommand::new().other_options(["--locked".to_owned()]).exec()?;
        let root = metadata.workspace_root.clone().into_std_path_buf();
        let packages = metadata.workspace_packages().into_iter().map(|package| member(package, &metadata)).collect();
        Ok(Self { root, packages, graph: graph(&metadata) })
    }
}

fn member(package: &cargo_metadata::Package, metadata: &Metadata) -> Package {
    let folder = package.manifest_path.parent().and_then(|folder| folder.strip_prefix(&metadata.workspace_root).ok());
    let dependency = |from: &cargo_metadata::Dependency| Dependency {
        name: from.name.clone(),
        for_tests: from.kind == DependencyKind::Development,
    };
    Package {
        name: package.name.to_string(),
        folder: folder.map(ToString::to_string).unwrap_or_default(),
        dependencies: package.dependencies.iter().map(dependency).collect(),
    }
}

fn graph(metadata: &Metadata) -> Graph {
    let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
    let mut graph = Graph::new();
    for node in nodes {
        graph.entry(metadata[&node.id].name.to_string()).or_default().extend(built_with(node, metadata));
    }
    graph
}

fn built_with<'a>(node: &'a Node, metadata: &'a Metadata) -> impl Iterator<Item = String> + 'a {
    let normal = node.deps.iter().filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
    normal.map(|dep| metadata[&dep.pkg].name.to_string())
}
