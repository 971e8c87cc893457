//! The `OpenAPI` document of the gateway: the operations of the services that its routes allow, with the gateway's own
//! responses.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chassis::openapi::{name_problems, operations, refuse};
use chassis::problem::Problem;
use http::Method;
use serde_json::Value;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Response};

use crate::config::{Config, Limits, Route};
use crate::request::error::{GatewayError, bad_gateway};
use crate::routing::pattern::Table;

/// The name of the security scheme.
const TOKEN: &str = "token";

/// Headers of every response, except to requests that cannot be parsed.
const HEADERS: [(&str, &str, &str); 3] = [
    ("X-Trace-Id", "TraceId", "The trace of the request, to be quoted."),
    (
        "RateLimit",
        "RateLimit",
        "How many more requests may come at once (`r`), and after how many seconds all of them (`t`).",
    ),
    ("RateLimit-Policy", "RateLimitPolicy", "How many requests may come (`q`) in how many seconds (`w`)."),
];

/// What holds for every operation of a fleet.
const ALL: &str = "Errors are problems (RFC 9457); clients may see more kinds than are named here. Responses may have more \
                   fields. HEAD is answered wherever GET is. A method that a path does not have is answered 405, with \
                   `Allow`.";

/// The document of a fleet: those of its `services`, restricted to the routes of `config`. `about` is one sentence.
///
/// # Errors
///
/// If two services define the same path, or different schemas with the same name.
pub fn document(config: &Config, name: &str, about: &str, services: Vec<OpenApi>) -> Result<OpenApi, String> {
    let license = LicenseBuilder::new().name("Apache-2.0 OR MIT").build();
    let info = InfoBuilder::new().title(format!("Flotilla: {name}")).version(env!("CARGO_PKG_VERSION"));
    let info = info.description(Some(format!("{about}\n\n{ALL}"))).license(Some(license)).build();
    let mut fleet = OpenApiBuilder::new().info(info).build();
    for service in services {
        let info = &service.info;
        let tag = TagBuilder::new().name(&info.title).description(info.description.clone()).build();
        fleet.tags.get_or_insert_default().push(tag);
        check_conflicts(&fleet, &service)?;
        fleet.merge(service);
    }
    let routes = Table::new(config.routes.iter().map(|route| (route.path.clone(), route)));
    for (path, item) in &mut fleet.paths.paths {
        restrict(item, routes.find(path).copied(), &config.limits);
    }
    fleet.paths.paths.retain(|_, item| *item != PathItem::default());
    name_problems(&mut fleet);
    describe_gateway(&mut fleet);
    remove_unused_schemas(&mut fleet);
    share_responses(&mut fleet);
    Ok(fleet)
}

fn check_conflicts(one: &OpenApi, other: &OpenApi) -> Result<(), String> {
    if let Some(path) = other.paths.paths.keys().find(|path| one.paths.paths.contains_key(*path)) {
        return Err(format!("two services have the path {path}"));
    }
    let schemas = |document: &OpenApi| document.components.clone().unwrap_or_default().schemas;
    let known = schemas(one);
    // As JSON: a document that was read from a file differs from the same one in code.
    let differs = schemas(other).into_iter().find(|(name, schema)| {
        known.get(name).is_some_and(|known| serde_json::to_value(known).ok() != serde_json::to_value(schema).ok())
    });
    differs.map_or(Ok(()), |(name, _)| Err(format!("two services have a schema {name}, and they differ")))
}

/// Removes the operations that the route does not allow, and adds the gateway's responses to the others.
fn restrict(item: &mut PathItem, route: Option<&Route>, limits: &Limits) {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let methods = [
        (Method::GET, get),
        (Method::PUT, put),
        (Method::POST, post),
        (Method::DELETE, delete),
        (Method::PATCH, patch),
    ];
    for (method, operation) in methods {
        let opened = route.filter(|route| route.methods.contains(&method));
        match (opened, operation.as_mut()) {
            (Some(route), Some(operation)) => add_gateway_responses(operation, route, limits),
            _ => *operation = None,
        }
    }
}

fn add_gateway_responses(operation: &mut Operation, route: &Route, limits: &Limits) {
    if !route.roles.is_empty() {
        let roles = format!("Where tokens are asked for, this is for the roles: {}.", route.roles.join(", "));
        let description = operation.description.take().map(|text| format!("{text}\n\n{roles}"));
        operation.description = description.or(Some(roles));
    }
    operation.security = Some(vec![SecurityRequirement::new(TOKEN, [""; 0]), SecurityRequirement::default()]);
    refuse(operation, gateway_errors(operation.request_body.is_some(), route, limits));
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        let challenge = matches!(status.as_str(), "401" | "403").then_some(("WWW-Authenticate", "Challenge"));
        let headers = HEADERS.map(|(header, component, _)| (header, component));
        for (header, component) in headers.into_iter().chain(challenge) {
            let reference = Ref::new(format!("#/components/headers/{component}"));
            response.headers.insert(header.to_owned(), RefOr::Ref(reference));
        }
    }
}

/// One error of each kind that the gateway may return instead of the service.
fn gateway_errors(has_body: bool, route: &Route, limits: &Limits) -> Vec<Problem> {
    let later = limits.retry_after;
    let realm = String::new;
    let mut all = vec![
        GatewayError::AmbiguousPath("the path has an empty segment"),
        GatewayError::MissingToken(realm()),
        GatewayError::Forbidden(realm()),
        GatewayError::RateLimited(Duration::from_secs(1)),
        GatewayError::SigningFailed,
        GatewayError::KeysUnavailable(later),
        GatewayError::TooManyInFlight(later),
        GatewayError::ConnectionRefused(later),
        GatewayError::Timeout(route.timeout),
    ];
    all.extend(route.headers.map(GatewayError::HeadersTooLarge));
    if has_body {
        let given = "text/plain".to_owned();
        all.extend([GatewayError::ForeignOrigin, GatewayError::ContentType { given, wanted: "application/json" }]);
        let slow = GatewayError::BodyTimeout(limits.body_timeout);
        all.extend([
            slow,
            GatewayError::BodyAborted,
            GatewayError::BodyTooLarge(route.body),
            GatewayError::BuffersFull(later),
        ]);
    }
    all.iter().map(GatewayError::problem).chain([bad_gateway("the service cannot be reached")]).collect()
}

fn describe_gateway(fleet: &mut OpenApi) {
    let components = fleet.components.get_or_insert_default();
    let header = |about: &str| -> RefOr<Header> {
        HeaderBuilder::new().schema(Some(Object::with_type(Type::String))).description(Some(about)).build().into()
    };
    components.headers.extend(HEADERS.map(|(_, name, about)| (name.to_owned(), header(about))));
    components.headers.insert("Challenge".to_owned(), header("What is needed: a token (RFC 6750, section 3)."));
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
    let about = "A token of the identity provider (OpenID Connect). A fleet that runs open asks for none.";
    components.add_security_scheme(TOKEN, SecurityScheme::Http(token.description(Some(about)).build()));
}

/// Removes schemas that only removed operations used.
fn remove_unused_schemas(fleet: &mut OpenApi) {
    let mut used = BTreeSet::new();
    collect_references(&serde_json::to_value(&fleet.paths).unwrap_or_default(), &mut used);
    let Some(components) = &mut fleet.components else { return };
    let mut visited = BTreeSet::new();
    // A schema may reference others.
    while let Some(name) = used.iter().find(|name| !visited.contains(*name)).cloned() {
        let schema = serde_json::to_value(components.schemas.get(&name)).unwrap_or_default();
        collect_references(&schema, &mut used);
        visited.insert(name);
    }
    components.schemas.retain(|name, _| used.contains(name));
}

/// Moves responses that several operations share to the components: an applied Kubernetes config map is limited to 256
/// KiB.
fn share_responses(fleet: &mut OpenApi) {
    let mut seen: Vec<(String, RefOr<Response>, usize)> = Vec::new();
    for (status, response) in operations(fleet).flat_map(|operation| &operation.responses.responses) {
        match seen.iter_mut().find(|(_, known, _)| known == response) {
            Some((.., times)) => *times += 1,
            None => seen.push((status.clone(), response.clone(), 1)),
        }
    }
    let mut shared: BTreeMap<String, RefOr<Response>> = BTreeMap::new();
    for (status, response, _) in seen.into_iter().filter(|(.., times)| *times > 1) {
        let names = (1..)
            .map(|number| if number == 1 { format!("Answer{status}") } else { format!("Answer{status}-{number}") });
        let free = names.into_iter().find(|name| !shared.contains_key(name));
        shared.insert(free.unwrap_or_default(), response);
    }
    for response in operations(fleet).flat_map(|operation| operation.responses.responses.values_mut()) {
        if let Some((name, _)) = shared.iter().find(|(_, known)| *known == response) {
            *response = Ref::from_response_name(name).into();
        }
    }
    fleet.components.get_or_insert_default().responses = shared;
}

fn collect_references(part: &Value, into: &mut BTreeSet<String>) {
    match part {
        Value::Object(members) => {
            if let Some(name) = members.get("$ref").and_then(Value::as_str).and_then(|to| to.rsplit('/').next()) {
                into.insert(name.to_owned());
            }
            members.values().for_each(|member| collect_references(member, into));
        }
        Value::Array(parts) => parts.iter().for_each(|part| collect_references(part, into)),
        _ => {}
    }
}
