//! The allowed dependencies between packages, by their manifests.

use crate::{
    finding::Finding,
    workspace::{Dependency, Package, Place},
};
use std::collections::BTreeMap;

/// The dependencies of a contract: it has the types of messages.
const OF_CONTRACTS: Allowed = Allowed { always: &["events", "serde", "schemars"], for_tests: &["serde_json"] };
/// The dependencies of a domain besides the contracts of its fleet: it has rules on plain values.
const OF_DOMAINS: Allowed =
    Allowed { always: &["ambient", "events", "jiff", "serde", "thiserror"], for_tests: &["proptest"] };

/// The crate with the declarations of fleets, which `cargo xtask render` reads.
const DECLARATIONS: &str = "manifest";
/// The crate that gives hostile input to all parsers, and so to those of the gateway.
const HOSTILE: &str = "hostile";

struct Allowed {
    always: &'static [&'static str],
    for_tests: &'static [&'static str],
}

impl Allowed {
    fn has(&self, dependency: &Dependency) -> bool {
        let name = dependency.name.as_str();
        self.always.contains(&name) || dependency.for_tests && self.for_tests.contains(&name)
    }
}

/// One finding per forbidden dependency, and per package in an unknown folder.
pub fn check(packages: &[Package]) -> Vec<Finding> {
    let places: BTreeMap<&str, Place> =
        packages.iter().filter_map(|package| Some((package.name.as_str(), Place::of(&package.folder)?))).collect();
    packages.iter().flat_map(|package| check_package(package, &places)).collect()
}

fn check_package(package: &Package, places: &BTreeMap<&str, Place>) -> Vec<Finding> {
    let Some(from) = places.get(package.name.as_str()) else {
        return vec![Finding::at(package.manifest(), format!("`{}` is in an unknown folder", package.name))];
    };
    let violations = package.dependencies.iter().filter_map(|dependency| {
        let why = violation(from, package, dependency, places.get(dependency.name.as_str()))?;
        Some(Finding::at(package.manifest(), format!("`{}` depends on `{}`: {why}", package.name, dependency.name)))
    });
    violations.collect()
}

/// `to` is `None` for a crate from outside the workspace.
fn violation(from: &Place, package: &Package, dependency: &Dependency, to: Option<&Place>) -> Option<&'static str> {
    match (from, to) {
        (Place::Tool, Some(_)) => {
            (dependency.name != DECLARATIONS).then_some("xtask depends on no package that it checks, but `manifest`")
        }
        (_, Some(Place::Tool)) => Some("xtask is no library"),
        (Place::Contract(_), _) => violation_of_contract(dependency),
        (Place::Domain(own), _) => violation_of_domain(&own.fleet, dependency, to),
        (_, None | Some(Place::Crate)) => None,
        (Place::Crate, Some(Place::Gateway)) if package.name == HOSTILE => None,
        (Place::Crate, Some(_)) => Some("a crate depends on no fleet and no gateway"),
        (Place::Gateway, Some(_)) => Some("the gateway gets contexts only from its routes file"),
        (Place::Service(own), Some(Place::Contract(other))) => {
            (own.fleet != other.fleet).then_some("a fleet does not depend on another one")
        }
        (Place::Service(own), Some(Place::Domain(other))) => {
            (own != other).then_some("a context depends on others by their contracts alone")
        }
        (Place::Service(_), Some(_)) => Some("a context depends on others by their contracts alone"),
        (Place::WholeFleet(fleet), Some(to)) => violation_of_whole_fleet(fleet, to),
    }
}

fn violation_of_contract(dependency: &Dependency) -> Option<&'static str> {
    (!OF_CONTRACTS.has(dependency)).then_some("a contract depends on `events`, serde and schemars alone")
}

fn violation_of_domain(fleet: &str, dependency: &Dependency, to: Option<&Place>) -> Option<&'static str> {
    let contract = matches!(to, Some(Place::Contract(other)) if other.fleet == fleet);
    (!contract && !OF_DOMAINS.has(dependency))
        .then_some("a domain depends only on the packages of its list, and does no I/O")
}

fn violation_of_whole_fleet(fleet: &str, to: &Place) -> Option<&'static str> {
    let other = match to {
        Place::Service(other) | Place::Contract(other) | Place::Domain(other) => &other.fleet,
        Place::WholeFleet(other) => other,
        Place::Crate | Place::Gateway | Place::Tool => return None,
    };
    (other != fleet).then_some("a fleet does not depend on another one")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(folder: &str, name: &str, dependencies: &[&str]) -> Package {
        let dependency = |name: &&str| match name.strip_prefix("test:") {
            Some(name) => Dependency { name: name.to_owned(), for_tests: true },
            None => Dependency { name: (*name).to_owned(), for_tests: false },
        };
        let dependencies = dependencies.iter().map(dependency).collect();
        Package { name: name.to_owned(), folder: folder.to_owned(), dependencies }
    }

    /// Whether the manifest of a package in `folder` may name `dependency`, in a workspace of two fleets.
    fn may(folder: &str, dependency: &str) -> bool {
        let others = [
            ("crates/events", "events"),
            ("crates/manifest", "manifest"),
            ("gateway", "gateway"),
            ("xtask", "xtask"),
            ("services/a/x", "x-service"),
            ("services/a/x/contract", "x-contract"),
            ("services/a/x/domain", "x-domain"),
            ("services/a/y/contract", "y-contract"),
            ("services/a/tests", "a-tests"),
            ("services/b/z", "z-service"),
            ("services/b/z/contract", "z-contract"),
        ];
        let mut packages: Vec<Package> = others.iter().map(|(folder, name)| package(folder, name, &[])).collect();
        let name = folder.strip_prefix("crates/").filter(|name| *name == HOSTILE).unwrap_or("probe");
        packages.push(package(folder, name, &[dependency]));
        check(&packages).is_empty()
    }

    #[test]
    fn a_crate_depends_on_crates_alone() {
        assert!(may("crates/store", "events") && may("crates/store", "tokio"));
        for above in ["x-service", "x-contract", "x-domain", "gateway", "a-tests", "xtask", "test:x-contract"] {
            assert!(!may("crates/store", above), "{above}");
        }
    }

    #[test]
    fn the_crate_of_hostile_input_depends_on_the_gateway_too_but_on_no_fleet() {
        assert!(may("crates/hostile", "events") && may("crates/hostile", "gateway"));
        assert!(!may("crates/hostile", "x-contract") && !may("crates/hostile", "a-tests"));
    }

    #[test]
    fn the_gateway_depends_on_no_context() {
        assert!(may("gateway", "events") && !may("gateway", "x-contract"));
    }

    #[test]
    fn a_service_depends_on_others_by_contracts_of_its_fleet_alone() {
        assert!(may("services/a/y", "x-contract") && may("services/a/x", "x-domain"));
        for refused in ["x-service", "x-domain", "z-contract", "z-service", "gateway", "a-tests", "test:x-service"] {
            assert!(!may("services/a/y", refused), "{refused}");
        }
    }

    #[test]
    fn a_contract_depends_on_its_list_alone() {
        assert!(may("services/a/y/contract", "events") && may("services/a/y/contract", "test:serde_json"));
        for refused in ["serde_json", "x-contract", "tokio", "test:tokio"] {
            assert!(!may("services/a/y/contract", refused), "{refused}");
        }
    }

    #[test]
    fn a_domain_depends_on_its_list_and_contracts_of_its_fleet() {
        for allowed in ["ambient", "jiff", "x-contract", "y-contract", "test:proptest"] {
            assert!(may("services/a/y/domain", allowed), "{allowed}");
        }
        for refused in ["proptest", "tokio", "sqlx", "test:tokio", "x-domain", "z-contract", "x-service"] {
            assert!(!may("services/a/y/domain", refused), "{refused}");
        }
    }

    #[test]
    fn tests_of_a_fleet_depend_on_that_fleet() {
        assert!(may("services/a/proof", "x-domain") && !may("services/a/proof", "z-contract"));
        assert!(may("services/a/tests", "x-service") && may("services/a/tests", "gateway"));
        assert!(!may("services/a/tests", "z-service"));
    }

    #[test]
    fn xtask_depends_on_no_member_but_the_declarations() {
        assert!(may("xtask", "manifest"));
        assert!(may("xtask", "syn") && !may("xtask", "events"));
    }

    #[test]
    fn an_unknown_folder_is_found() {
        assert!(!may("libraries/store", "tokio"));
    }
}
