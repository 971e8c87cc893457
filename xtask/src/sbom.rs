//! The bill of materials of a binary, as `CycloneDX` 1.5: `cargo xtask sbom FOLDER BINARY…`.
//!
//! It lists all linked crates, with the features of the images. The same sources give the same file: it has neither times nor
//! random numbers.

use anyhow::{Context as _, ensure};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

/// The features of the images besides the defaults; the Dockerfile has them too.
const FEATURES: &str = "messaging/kafka-tls";
/// The target of the images.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// A crate by name and version.
type Crate = (String, String);
/// By crate, its linked dependencies.
type Links = BTreeMap<Crate, BTreeSet<Crate>>;

/// Writes `FOLDER/BINARY.cdx.json` for each binary.
pub fn write(folder: &Path, binaries: &[String]) -> anyhow::Result<()> {
    let metadata = MetadataCommand::new()
        .other_options(["--locked", "--filter-platform", TARGET, "--features", FEATURES].map(str::to_owned))
        .exec()?;
    let root = metadata.workspace_root.as_std_path();
    let links = links(&tree(root)?);
    let checksums = checksums(&fs::read_to_string(root.join("Cargo.lock"))?);
    let base = base(&fs::read_to_string(root.join("Dockerfile"))?)?;
    fs::create_dir_all(folder)?;
    for binary in binaries {
        let package = package_of(&metadata, binary)?;
        let bill = Bill { metadata: &metadata, links: &links, checksums: &checksums, base: &base };
        let file = folder.join(format!("{binary}.cdx.json"));
        fs::write(&file, format!("{:#}\n", bill.of(binary, package)?)).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// The dependency tree of all members with their joint features, as in the build of the images.
fn tree(root: &Path) -> anyhow::Result<String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["tree", "--locked", "--workspace", "--exclude", "embedded-broker"]);
    cargo.args(["--features", FEATURES, "--target", TARGET, "--edges", "normal,no-proc-macro"]);
    let output = cargo.args(["--prefix", "depth", "--format", " {p}"]).output()?;
    ensure!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Parses lines such as `2 serde v1.0.1 (/path)`, where 2 is the depth. A crate has its dependencies below its first line
/// only.
fn links(tree: &str) -> Links {
    let mut links = Links::new();
    let mut above: Vec<Crate> = Vec::new();
    for line in tree.lines() {
        let mut words = line.split_whitespace();
        let (Some(Ok(depth)), Some(name), Some(version)) = (words.next().map(str::parse), words.next(), words.next())
        else {
            continue;
        };
        let here = (name.to_owned(), version.trim_start_matches('v').to_owned());
        above.truncate(depth);
        if let Some(parent) = above.last() {
            links.entry(parent.clone()).or_default().insert(here.clone());
        }
        links.entry(here.clone()).or_default();
        above.push(here);
    }
    links
}

/// The checksums in a Cargo.lock.
fn checksums(lock: &str) -> BTreeMap<Crate, String> {
    let mut found = BTreeMap::new();
    for package in lock.split("[[package]]") {
        let value = |key: &str| {
            let mut values = package.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""));
            values.next().map(|rest| rest.trim_end_matches('"').to_owned())
        };
        if let (Some(name), Some(version), Some(checksum)) = (value("name"), value("version"), value("checksum")) {
            found.insert((name, version), checksum);
        }
    }
    found
}

/// The last base image in the Dockerfile: that of the images.
fn base(dockerfile: &str) -> anyhow::Result<String> {
    let base = dockerfile.lines().filter_map(|line| line.strip_prefix("FROM ")).next_back();
    Ok(base.context("the Dockerfile names no base")?.to_owned())
}

fn package_of<'a>(metadata: &'a Metadata, binary: &str) -> anyhow::Result<&'a Package> {
    let has = |package: &&&Package| package.targets.iter().any(|target| target.is_bin() && target.name == binary);
    let packages = metadata.workspace_packages();
    let package = packages.iter().find(has).copied();
    package.with_context(|| format!("no package has a binary {binary}"))
}

struct Bill<'a> {
    metadata: &'a Metadata,
    links: &'a Links,
    checksums: &'a BTreeMap<Crate, String>,
    base: &'a str,
}

impl Bill<'_> {
    fn of(&self, binary: &str, package: &Package) -> anyhow::Result<Value> {
        let own = (package.name.to_string(), package.version.to_string());
        ensure!(self.links.contains_key(&own), "{binary} is not in what cargo tree shows");
        let mut linked = BTreeSet::new();
        let mut open = vec![own.clone()];
        while let Some(next) = open.pop() {
            if linked.insert(next.clone()) {
                // Sources that are only built have no crates below them.
                open.extend(self.links.get(&next).into_iter().flatten().cloned());
                open.extend(self.sources(&next));
            }
        }
        let components = linked.iter().filter(|one| **one != own).map(|one| self.component(one));
        let base = json!({ "type": "container", "bom-ref": self.base, "name": self.base });
        let depends = linked.iter().map(|one| {
            let on: Vec<String> = self.links.get(one).into_iter().flatten().map(purl).collect();
            json!({ "ref": purl(one), "dependsOn": on })
        });
        Ok(json!({
            "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "version": 1,
            "metadata": {
                "component": {
                    "type": "application", "bom-ref": purl(&own), "name": binary, "version": own.1,
                    "licenses": [{ "expression": package.license }],
                },
            },
            "components": components.chain([base]).collect::<Vec<_>>(),
            "dependencies": depends.collect::<Vec<_>>(),
        }))
    }

    fn package(&self, one: &Crate) -> Option<&Package> {
        self.metadata.packages.iter().find(|p| *p.name == one.0 && p.version.to_string() == one.1)
    }

    /// The crates that bring the C sources of a library, which is built and linked: `openssl-src` for `openssl-sys`.
    fn sources(&self, one: &Crate) -> Vec<Crate> {
        let Some(id) = self.package(one).map(|package| &package.id) else { return Vec::new() };
        let nodes = self.metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
        let built = nodes.filter(|node| node.id == *id).flat_map(|node| &node.deps);
        let built = built.filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Build));
        let named = |id: &PackageId| self.metadata.packages.iter().find(|package| package.id == *id);
        let sources = built.filter_map(|dep| named(&dep.pkg)).filter(|package| package.name.ends_with("-src"));
        sources.map(|package| (package.name.to_string(), package.version.to_string())).collect()
    }

    fn component(&self, one: &Crate) -> Value {
        let mut component =
            json!({ "type": "library", "bom-ref": purl(one), "name": one.0, "version": one.1, "purl": purl(one) });
        // Some still write a slash for "or", which no expression has.
        let license = self.package(one).and_then(|package| package.license.as_deref());
        if let Some(license) = license {
            component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
        }
        if let Some(checksum) = self.checksums.get(one) {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
        }
        component
    }
}

fn purl((name, version): &Crate) -> String {
    // `+`, as in 300.6.1+3.6.3, means a blank in a URL.
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Crate {
        (name.to_owned(), "1.0.0".to_owned())
    }

    #[test]
    fn a_crate_is_linked_with_those_below_it_wherever_they_are_shown() {
        let tree = "0 boat v1.0.0 (/w/boat)\n1 hull v1.0.0\n2 wood v1.0.0\n1 sail v1.0.0\n\n0 raft v1.0.0 (/w/raft)\n1 hull v1.0.0 (*)\n";
        let links = links(tree);
        assert_eq!(links[&named("boat")], BTreeSet::from([named("hull"), named("sail")]));
        assert_eq!(links[&named("raft")], BTreeSet::from([named("hull")]));
        assert_eq!(links[&named("hull")], BTreeSet::from([named("wood")]));
    }

    #[test]
    fn checksums_are_those_of_the_lock_and_the_base_is_the_last() {
        let lock = "[[package]]\nname = \"own\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"hull\"\nversion = \"1.0.0\"\nchecksum = \"abc\"\n";
        assert_eq!(checksums(lock), BTreeMap::from([(named("hull"), "abc".to_owned())]));
        assert_eq!(
            base("FROM rust AS built\nFROM scratch\nFROM gcr.io/base:nonroot\n").unwrap(),
            "gcr.io/base:nonroot"
        );
    }
}
