//! What must hold across a whole declaration.

use std::collections::{BTreeMap, BTreeSet};

use crate::context::Context;
use crate::error::ManifestError;
use crate::fleet::Manifest;
use crate::{BROKER, GATEWAY, KEY_FOLDER, template};

/// Environment variables that the supervisor sets; a fleet must not set them.
const RESERVED: [&str; 16] = [
    "LISTEN",
    "STORE_URL",
    "KAFKA_BROKERS",
    "FLEET",
    "GATEWAY_ROUTES",
    "LOG",
    "STOP_ON_STDIN_EOF",
    "INTERNAL_TOKEN_PUBLIC_KEY_FILE",
    "INTERNAL_TOKEN_SIGNING_KEY_FILE",
    "SERVICE_SIGNING_KEY_FILE",
    "SERVICE_PUBLIC_KEY_FILE",
    "OPERATOR_ROLE",
    "REQUIRE_IDENTITY",
    "IDENTITY_ISSUER",
    "IDENTITY_AUDIENCE",
    "IDENTITY_KEYS_FILE",
];

/// Checks names, ports, calls and placeholders.
pub fn check(manifest: &Manifest) -> Result<(), ManifestError> {
    name("name", &manifest.name)?;
    if manifest.contexts.is_empty() {
        return Err(ManifestError::field("context", "a fleet needs at least one"));
    }
    check_names(&manifest.contexts)?;
    check_ports(manifest)?;
    check_calls(manifest)?;
    check_texts(manifest)
}

/// Each name is also the name of a folder.
fn check_names(contexts: &[Context]) -> Result<(), ManifestError> {
    let mut names = BTreeSet::from([GATEWAY, BROKER, KEY_FOLDER]);
    for context in contexts {
        name("context.name", &context.name)?;
        if !names.insert(&context.name) {
            return Err(ManifestError::field("context.name", &format!("\"{}\" is taken", context.name)));
        }
    }
    Ok(())
}

fn check_ports(manifest: &Manifest) -> Result<(), ManifestError> {
    let mut ports = BTreeSet::new();
    port("gateway.port", manifest.gateway.port, &mut ports)?;
    for context in &manifest.contexts {
        port(&field(context, "port"), context.port, &mut ports)?;
    }
    Ok(())
}

fn check_calls(manifest: &Manifest) -> Result<(), ManifestError> {
    for context in &manifest.contexts {
        let is_other = |called: &String| *called != context.name && manifest.context(called).is_some();
        if let Some(called) = context.calls.iter().find(|called| !is_other(called)) {
            return Err(ManifestError::field(&field(context, "calls"), &format!("\"{called}\" is no other context")));
        }
    }
    Ok(())
}

/// Every `{name}` must be the gateway or a context of this fleet.
fn check_texts(manifest: &Manifest) -> Result<(), ManifestError> {
    let contexts = manifest.contexts.iter().map(|context| context.name.as_str());
    let names: BTreeSet<&str> = contexts.chain([GATEWAY]).collect();
    env("gateway.env", &manifest.gateway.env, &names)?;
    for context in &manifest.contexts {
        env(&field(context, "env"), &context.env, &names)?;
    }
    for (at, entry) in manifest.tries.iter().enumerate() {
        known(&format!("try[{at}].curl"), &entry.curl, &names)?;
    }
    Ok(())
}

fn field(context: &Context, field: &str) -> String {
    format!("context.{}.{field}", context.name)
}

fn name(field: &str, name: &str) -> Result<(), ManifestError> {
    if template::is_name(name) {
        return Ok(());
    }
    let reason = format!("\"{name}\" is not a name (lower-case letters, digits and dashes after a letter)");
    Err(ManifestError::field(field, &reason))
}

fn port(field: &str, port: u16, taken: &mut BTreeSet<u16>) -> Result<(), ManifestError> {
    if port == 0 {
        return Err(ManifestError::field(field, "must not be 0"));
    }
    if taken.insert(port) { Ok(()) } else { Err(ManifestError::field(field, &format!("{port} is used twice"))) }
}

fn env(field: &str, env: &BTreeMap<String, String>, names: &BTreeSet<&str>) -> Result<(), ManifestError> {
    for (variable, value) in env {
        let field = format!("{field}.{variable}");
        if RESERVED.contains(&variable.as_str()) {
            return Err(ManifestError::field(&field, "is set by flotilla itself"));
        }
        known(&field, value, names)?;
    }
    Ok(())
}

fn known(field: &str, text: &str, names: &BTreeSet<&str>) -> Result<(), ManifestError> {
    match template::names(text).into_iter().find(|name| !names.contains(name)) {
        Some(name) => Err(ManifestError::field(field, &format!("{{{name}}} is neither the gateway nor a context"))),
        None => Ok(()),
    }
}
