//! The routes file of the gateway, and the `ConfigMap` with it.

use super::{
    rendered::Rendered,
    template::{each, fill},
    toml_text,
};
use anyhow::ensure;
use manifest::{Context, Manifest, Route};

/// The sections that list contexts.
const RENDERED: [&str; 3] = ["upstreams", "routes", "openapi"];

/// Adds the routes file and its kustomization.
pub fn render(fleet: &Manifest, rendered: &mut Rendered) -> anyhow::Result<()> {
    let (source, gateway) = (format!("services/{}", fleet.name), &fleet.gateway);
    for (section, settings) in &gateway.settings {
        let is_own = settings.is_table() && !RENDERED.contains(&section.as_str());
        ensure!(is_own, "{}: gateway.settings.{section} is no section beside those that are rendered", fleet.name);
    }
    rendered.add(format!("services/{}/{}", fleet.name, gateway.routes), &source, &routes_file(fleet));
    let files: Vec<&str> =
        [Some(&gateway.routes), gateway.openapi.as_ref()].into_iter().flatten().map(String::as_str).collect();
    let kustomization = fill(include_str!("templates/routes-kustomization.yaml"), &[("files", &files.join(", "))]);
    rendered.add(format!("services/{}/kustomization.yaml", fleet.name), &source, &kustomization);
    Ok(())
}

/// The contexts that have routes: the gateway knows no others.
pub fn upstreams(fleet: &Manifest) -> impl Iterator<Item = &Context> {
    fleet.contexts.iter().filter(|context| !context.routes.is_empty())
}

fn routes_file(fleet: &Manifest) -> String {
    let document = |name: &String| {
        format!(
            "# The document of all routes (OpenAPI), beside this file: /openapi.json, and /docs to try it. Both are public.\nopenapi = \"{name}\"\n"
        )
    };
    let settings = fleet.gateway.settings.iter().filter_map(|(name, value)| Some((name, value.as_table()?)));
    let settings = each(settings, |(name, table)| format!("\n{}", toml_text::section(name, table)));
    let openapi = fleet.gateway.openapi.as_ref().map(document).unwrap_or_default();
    let has_cors = fleet.gateway.settings.contains_key("cors");
    fill(
        include_str!("templates/gateway.toml"),
        &[
            ("fleet", &fleet.name),
            ("head", format!("{openapi}{settings}").trim_start_matches('\n')),
            (
                "upstreams",
                &each(upstreams(fleet), |context| {
                    format!("{} = \"http://127.0.0.1:{}\"\n", context.name, context.port)
                }),
            ),
            ("routes", &each(upstreams(fleet), |context| each(&context.routes, |one| route(context, one)))),
            ("cors", if has_cors { "" } else { include_str!("templates/gateway-cors.toml") }),
        ],
    )
}

fn route(context: &Context, route: &Route) -> String {
    let roles =
        if route.roles.is_empty() { String::new() } else { toml_text::pair("roles", &toml_text::list(&route.roles)) };
    let (tables, keys): (Vec<_>, Vec<_>) = route.settings.iter().partition(|(_, value)| value.is_table());
    let path = toml_text::pair("path", &toml::Value::String(route.path.clone()));
    let methods = toml_text::pair("methods", &toml_text::list(&route.methods));
    let keys = each(keys, |(key, value)| toml_text::pair(key, value));
    let tables = each(tables, |(key, value)| {
        value.as_table().map(|table| toml_text::section(&format!("routes.{key}"), table)).unwrap_or_default()
    });
    format!("\n[[routes]]\n{path}upstream = \"{}\"\n{methods}{roles}{keys}{tables}", context.name)
}
