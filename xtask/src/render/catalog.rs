//! `services/<fleet>/catalog`: a package with the documents and the events of all contexts.

use super::{
    gateway,
    rendered::Rendered,
    template::{each, fill},
};
use manifest::{Context, Manifest};
use std::collections::BTreeMap;

/// Adds the package.
pub fn render(fleet: &Manifest, rendered: &mut Rendered) {
    let source = format!("services/{}", fleet.name);
    let folder = format!("services/{}/catalog", fleet.name);
    rendered.add(format!("{folder}/Cargo.toml"), &source, &cargo(fleet));
    rendered.add(format!("{folder}/src/lib.rs"), &source, &library(fleet));
}

fn cargo(fleet: &Manifest) -> String {
    let built = gateway::upstreams(fleet).filter(|context| context.program.is_none());
    let served = built.map(|context| (context.package(), format!("../{}", context.name)));
    let published =
        publishers(fleet).map(|(context, _)| (context.contract_package(), format!("../{}/contract", context.name)));
    let packages: BTreeMap<String, String> = served.chain(published).collect();
    let packages = each(packages, |(name, path)| format!("{name} = {{ path = \"{path}\" }}\n"));
    fill(include_str!("templates/catalog-Cargo.toml"), &[("fleet", &fleet.name), ("packages", &packages)])
}

fn library(fleet: &Manifest) -> String {
    let documents = each(gateway::upstreams(fleet), |context| {
        let module = module(&context.package());
        match (&context.program, &context.type_name) {
            (Some(program), _) => {
                let file = format!("../../{}/{}", context.name, program.document);
                format!("        contracts::written_document(include_str!({file:?})),\n")
            }
            (None, Some(name)) => format!("        context::document::<{module}::{name}>(),\n"),
            (None, None) => format!("        {module}::document(),\n"),
        }
    });
    let events = each(publishers(fleet), |(context, events)| {
        format!("        Published::of::<{}::{events}>()?,\n", module(&context.contract_package()))
    });
    let values = [("fleet", fleet.name.as_str()), ("documents", &documents), ("events", &events)];
    fill(include_str!("templates/catalog-lib.rs"), &values)
}

/// The contexts that publish events, with the types of these.
fn publishers(fleet: &Manifest) -> impl Iterator<Item = (&Context, &str)> {
    fleet.contexts.iter().filter_map(|context| Some((context, context.events.as_deref()?)))
}

/// The name of a package in code.
fn module(package: &str) -> String {
    package.replace('-', "_")
}
