//! Domains and contracts depend on no I/O crate, directly or through others.

use crate::{
    finding::Finding,
    workspace::{Graph, Package, Place},
};
use std::collections::{BTreeMap, VecDeque};

const INPUT_AND_OUTPUT: &[&str] = &["axum", "hyper", "mio", "rdkafka", "reqwest", "sqlx", "sqlx-core", "tokio"];

/// One finding per domain or contract and forbidden crate, with the path of dependencies.
pub fn check(packages: &[Package], graph: &Graph) -> Vec<Finding> {
    let pure = |package: &&Package| matches!(Place::of(&package.folder), Some(Place::Domain(_) | Place::Contract(_)));
    packages.iter().filter(pure).flat_map(|package| check_package(package, graph)).collect()
}

fn check_package(package: &Package, graph: &Graph) -> Vec<Finding> {
    let came_from = walk(&package.name, graph);
    let reached = INPUT_AND_OUTPUT.iter().filter(|name| came_from.contains_key(**name));
    reached.map(|name| Finding::at(package.manifest(), format!("does I/O: {}", path(name, &came_from)))).collect()
}

/// All direct and indirect dependencies, each with the crate that depends on it.
fn walk<'a>(start: &'a str, graph: &'a Graph) -> BTreeMap<&'a str, Option<&'a str>> {
    let mut came_from = BTreeMap::from([(start, None)]);
    let mut waiting = VecDeque::from([start]);
    while let Some(name) = waiting.pop_front() {
        for next in graph.get(name).into_iter().flatten().map(String::as_str) {
            came_from.entry(next).or_insert_with(|| {
                waiting.push_back(next);
                Some(name)
            });
        }
    }
    came_from
}

fn path(end: &str, came_from: &BTreeMap<&str, Option<&str>>) -> String {
    let mut steps = vec![end];
    while let Some(Some(before)) = steps.last().and_then(|step| came_from.get(step)) {
        steps.push(before);
    }
    steps.reverse();
    steps.join(" → ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(folder: &str) -> Vec<String> {
        let edges = [("a-domain", "a-contract"), ("a-contract", "events"), ("events", "tokio"), ("tokio", "events")];
        let mut graph = Graph::new();
        for (from, to) in edges {
            graph.entry(from.to_owned()).or_default().insert(to.to_owned());
        }
        let package = Package { name: "a-domain".to_owned(), folder: folder.to_owned(), dependencies: Vec::new() };
        check(&[package], &graph).into_iter().map(|finding| finding.text).collect()
    }

    #[test]
    fn a_domain_that_depends_on_a_runtime_is_found_with_the_path() {
        assert_eq!(findings("services/f/a/domain"), ["does I/O: a-domain → a-contract → events → tokio"]);
    }

    #[test]
    fn a_service_may_depend_on_it() {
        assert_eq!(findings("services/f/a"), Vec::<String>::new());
    }
}
