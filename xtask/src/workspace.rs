//! The packages of the workspace, their places in the architecture, and their dependencies.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Node};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// By package name, the names of its dependencies, without those for tests and build scripts.
pub type Graph = BTreeMap<String, BTreeSet<String>>;

/// The folders of a fleet that are no contexts.
const WHOLE_FLEET: &[&str] = &["catalog", "contracts", "proof", "tests"];

/// The workspace.
pub struct Workspace {
    /// Its root.
    pub root: PathBuf,
    /// Its members.
    pub packages: Vec<Package>,
    /// The dependencies of all packages, members and others.
    pub graph: Graph,
}

/// A member of the workspace.
#[derive(Debug, Clone)]
pub struct Package {
    /// The name in its manifest.
    pub name: String,
    /// Its folder, relative to the root.
    pub folder: String,
    /// The dependencies in its manifest.
    pub dependencies: Vec<Dependency>,
}

/// A dependency in a manifest.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// The name of the package, also if the manifest renames it.
    pub name: String,
    /// Whether it is a development dependency.
    pub for_tests: bool,
}

/// The place of a package in the architecture, from its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `crates/*`: independent of fleets.
    Crate,
    /// `gateway`.
    Gateway,
    /// `xtask`.
    Tool,
    /// `services/FLEET/CONTEXT`.
    Service(Context),
    /// `services/FLEET/CONTEXT/contract`: the events that other contexts may use.
    Contract(Context),
    /// `services/FLEET/CONTEXT/domain`: the rules, without I/O.
    Domain(Context),
    /// `services/FLEET/tests` and others of [`WHOLE_FLEET`], and `services/FLEET/CONTEXT-simulator`: tests, checks
    /// and demonstrations of a fleet.
    WholeFleet(String),
}

/// A bounded context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The folder of the fleet.
    pub fleet: String,
    /// The folder of the context.
    pub name: String,
}

impl Place {
    /// `None` for an unknown folder.
    pub fn of(folder: &str) -> Option<Self> {
        let parts: Vec<&str> = folder.split('/').collect();
        let context = |fleet: &str, name: &str| Context { fleet: fleet.to_owned(), name: name.to_owned() };
        Some(match parts[..] {
            ["crates", _] => Self::Crate,
            ["gateway"] => Self::Gateway,
            ["xtask"] => Self::Tool,
            ["services", fleet, name] if WHOLE_FLEET.contains(&name) || name.ends_with("-simulator") => {
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
    /// The place of findings about the package.
    pub fn manifest(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }
}

impl Workspace {
    /// Reads the metadata of cargo, without a change to the lock file.
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
        graph.entry(metadata[&node.id].name.to_string()).or_default().extend(dependencies_of(node, metadata));
    }
    graph
}

fn dependencies_of<'a>(node: &'a Node, metadata: &'a Metadata) -> impl Iterator<Item = String> + 'a {
    let normal = node.deps.iter().filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
    normal.map(|dep| metadata[&dep.pkg].name.to_string())
}
