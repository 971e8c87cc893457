//! What a fleet is made of: the file `fleet.toml`, read and checked.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::keyring;
use crate::template;

/// The name of the gateway among the processes of a fleet.
pub const GATEWAY: &str = "gateway";
/// The name of the embedded broker among the processes of a fleet.
pub const BROKER: &str = "broker";

/// Variables that the supervisor sets for every process: a fleet cannot set them to something else.
const RESERVED: [&str; 16] = [
    "LISTEN",
    "STORE_URL",
    "KAFKA_BROKERS",
    "FLEET",
    "GATEWAY_ROUTES",
    "LOG",
    "STOP_ON_STDIN_EOF",
    "PASS_KEY_FILE",
    "PASS_SIGNING_KEY_FILE",
    "CALL_KEY_FILE",
    "CALLER_KEY_FILE",
    "OPERATOR_ROLE",
    "REQUIRE_IDENTITY",
    "IDENTITY_ISSUER",
    "IDENTITY_AUDIENCE",
    "IDENTITY_KEYS_FILE",
];

/// A fleet as its `fleet.toml` describes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The fleet's name, which is also the prefix of its topics.
    pub name: String,
    /// The way in.
    pub gateway: Gateway,
    /// The contexts, in the order in which people should read them.
    #[serde(rename = "context")]
    pub contexts: Vec<Context>,
    /// Requests to show to someone who has just started the fleet.
    #[serde(rename = "try", default)]
    pub tries: Vec<Try>,
    /// What is not as it would be in production: said at every start.
    #[serde(default)]
    pub open: Vec<String>,
    /// What holds the fleet against its laws: `flotilla audit`.
    pub audit: Option<Check>,
    /// What does to it all that can go wrong: `flotilla chaos`.
    pub chaos: Option<Check>,
}

/// A program that checks a fleet. It is no part of the fleet, and is built only when it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The package that cargo builds.
    pub package: String,
    /// The binary in that package.
    pub binary: String,
}

/// The gateway of a fleet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// The package that cargo builds.
    #[serde(default = "gateway")]
    pub package: String,
    /// The binary in that package.
    #[serde(default = "gateway")]
    pub binary: String,
    /// Where it listens.
    pub port: u16,
    /// Its routes: a file beside `fleet.toml`, whose upstreams are named as the contexts are.
    pub routes: String,
    /// The document that the routes name as `openapi`, if they do: a file beside `fleet.toml` too.
    pub openapi: Option<String>,
    /// More environment variables, in which `{name}` stands for the base URL of a context.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

/// One context of a fleet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// Its name, by which others find it.
    pub name: String,
    /// The package that cargo builds.
    pub package: String,
    /// The binary in that package.
    pub binary: String,
    /// Where it listens.
    pub port: u16,
    /// The contexts that it asks on its own behalf.
    #[serde(default)]
    pub calls: Vec<String>,
    /// More environment variables, in which `{name}` stands for the base URL of a context.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

/// A request worth trying.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Try {
    /// What it does, in the words of the business.
    pub say: String,
    /// The command, in which `{gateway}` stands for the gateway's base URL.
    pub curl: String,
    /// Who asks, where that is asked.
    #[serde(rename = "as")]
    pub asker: Option<Somebody>,
}

/// Somebody who could ask.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Somebody {
    /// His name.
    pub name: String,
    /// What he is.
    pub role: String,
}

/// Why a `fleet.toml` cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is not TOML.
    #[error("line {line}: {reason}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// A field is missing, unknown or has no possible value.
    #[error("{field}: {reason}")]
    Field {
        /// Where, such as `context[1].port`.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
}

fn gateway() -> String {
    GATEWAY.to_owned()
}

impl Manifest {
    /// Reads and checks the text of a `fleet.toml`.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let document = toml::Deserializer::parse(text).map_err(|error| syntax(text, &error))?;
        let manifest: Self = serde_path_to_error::deserialize(document).map_err(|error| {
            let field = error.path().to_string();
            wrong(&field, error.inner().message())
        })?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), ManifestError> {
        name("name", &self.name)?;
        if self.contexts.is_empty() {
            return Err(wrong("context", "a fleet needs at least one"));
        }
        // Each has a folder of this name.
        let mut names = BTreeSet::from([GATEWAY, BROKER, keyring::FOLDER]);
        let mut ports = BTreeSet::new();
        port("gateway.port", self.gateway.port, &mut ports)?;
        for (at, context) in self.contexts.iter().enumerate() {
            let field = |field: &str| format!("context[{at}].{field}");
            name(&field("name"), &context.name)?;
            if !names.insert(&context.name) {
                return Err(wrong(&field("name"), &format!("\"{}\" is taken", context.name)));
            }
            port(&field("port"), context.port, &mut ports)?;
        }
        for name in [BROKER, keyring::FOLDER] {
            names.remove(name);
        }
        self.check_calls()?;
        self.check_texts(&names)
    }

    fn check_calls(&self) -> Result<(), ManifestError> {
        for (at, context) in self.contexts.iter().enumerate() {
            let other =
                |called: &String| self.contexts.iter().any(|one| one.name == *called && *called != context.name);
            if let Some(called) = context.calls.iter().find(|called| !other(called)) {
                return Err(wrong(&format!("context[{at}].calls"), &format!("\"{called}\" is no other context")));
            }
        }
        Ok(())
    }

    /// Whoever writes `{name}` must mean the gateway or a context of this fleet.
    fn check_texts(&self, names: &BTreeSet<&str>) -> Result<(), ManifestError> {
        env("gateway.env", &self.gateway.env, names)?;
        for (at, context) in self.contexts.iter().enumerate() {
            env(&format!("context[{at}].env"), &context.env, names)?;
        }
        for (at, entry) in self.tries.iter().enumerate() {
            known(&format!("try[{at}].curl"), &entry.curl, names)?;
        }
        Ok(())
    }
}

fn syntax(text: &str, error: &toml::de::Error) -> ManifestError {
    let until = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = text.bytes().take(until).filter(|byte| *byte == b'\n').count() + 1;
    ManifestError::Syntax { line, reason: error.message().to_owned() }
}

fn wrong(field: &str, reason: &str) -> ManifestError {
    ManifestError::Field { field: field.to_owned(), reason: reason.to_owned() }
}

fn name(field: &str, name: &str) -> Result<(), ManifestError> {
    if template::is_name(name) {
        return Ok(());
    }
    Err(wrong(field, &format!("\"{name}\" is not a name (lower-case letters, digits and dashes after a letter)")))
}

fn port(field: &str, port: u16, taken: &mut BTreeSet<u16>) -> Result<(), ManifestError> {
    if port == 0 {
        return Err(wrong(field, "must not be 0"));
    }
    if taken.insert(port) { Ok(()) } else { Err(wrong(field, &format!("{port} is used twice"))) }
}

fn env(field: &str, env: &BTreeMap<String, String>, names: &BTreeSet<&str>) -> Result<(), ManifestError> {
    for (variable, value) in env {
        let field = format!("{field}.{variable}");
        if RESERVED.contains(&variable.as_str()) {
            return Err(wrong(&field, "is set by flotilla itself"));
        }
        known(&field, value, names)?;
    }
    Ok(())
}

fn known(field: &str, text: &str, names: &BTreeSet<&str>) -> Result<(), ManifestError> {
    match template::names(text).into_iter().find(|name| !names.contains(name)) {
        Some(name) => Err(wrong(field, &format!("{{{name}}} is neither the gateway nor a context"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HARBOUR: &str = r#"
name = "harbour"
[gateway]
port = 7000
routes = "routes.toml"
[[context]]
name = "crane"
package = "crane-service"
binary = "crane"
port = 7001
env = { BOAT_URL = "{boat}" }
[[context]]
name = "boat"
package = "boat-service"
binary = "boat"
port = 7002
[[try]]
say = "lift it"
curl = "curl {gateway}/lifts -d '{\"id\":1}'"
"#;

    fn error_with(from: &str, to: &str) -> String {
        assert!(HARBOUR.contains(from), "{from}");
        Manifest::parse(&HARBOUR.replacen(from, to, 1)).unwrap_err().to_string()
    }

    #[test]
    fn a_manifest_reads_as_written_and_the_gateway_is_named_gateway_unless_told() {
        let manifest = Manifest::parse(HARBOUR).unwrap();
        assert_eq!(manifest.gateway.package, "gateway");
        assert_eq!(manifest.contexts[0].env["BOAT_URL"], "{boat}");
        assert_eq!(manifest.contexts[1].binary, "boat");
        assert_eq!(manifest.tries[0].say, "lift it");
    }

    #[test]
    fn a_fleet_may_name_what_audits_it_and_what_brings_chaos() {
        let manifest = Manifest::parse(HARBOUR).unwrap();
        assert_eq!((manifest.audit, manifest.chaos), (None, None));
        let text = format!("{HARBOUR}[audit]\npackage = \"harbour-audit\"\nbinary = \"audit-it\"\n");
        let audit = Manifest::parse(&text).unwrap().audit.unwrap();
        assert_eq!((audit.package.as_str(), audit.binary.as_str()), ("harbour-audit", "audit-it"));
        let error = Manifest::parse(&format!("{HARBOUR}[chaos]\nbinary = \"c\"\n")).unwrap_err();
        assert_eq!(error.to_string(), "chaos: missing field `package`");
    }

    #[test]
    fn what_is_not_toml_is_told_with_its_line() {
        let error = Manifest::parse("name = \"a\"\nport =\n").unwrap_err();
        assert!(matches!(error, ManifestError::Syntax { line: 2, .. }), "{error}");
    }

    #[test]
    fn a_missing_unknown_or_mistyped_field_is_named() {
        assert_eq!(error_with("port = 7002\n", ""), "context[1]: missing field `port`");
        assert!(error_with("binary = \"boat\"", "binari = \"boat\"").starts_with("context[1].binari: unknown field"));
        assert!(error_with("port = 7001", "port = \"x\"").starts_with("context[0].port: invalid type: string"));
        assert!(error_with("port = 7001", "port = 70001").starts_with("context[0].port: "));
        assert_eq!(error_with("routes = \"routes.toml\"", ""), "gateway: missing field `routes`");
    }

    #[test]
    fn a_name_or_port_that_is_taken_or_impossible_is_named() {
        assert_eq!(error_with("name = \"boat\"", "name = \"crane\""), "context[1].name: \"crane\" is taken");
        assert_eq!(error_with("name = \"boat\"", "name = \"broker\""), "context[1].name: \"broker\" is taken");
        assert_eq!(error_with("name = \"boat\"", "name = \"identity\""), "context[1].name: \"identity\" is taken");
        assert!(
            error_with("name = \"boat\"", "name = \"../x\"").starts_with("context[1].name: \"../x\" is not a name")
        );
        assert!(error_with("name = \"harbour\"", "name = \"\"").starts_with("name: \"\" is not a name"));
        assert_eq!(error_with("port = 7002", "port = 7000"), "context[1].port: 7000 is used twice");
        assert_eq!(error_with("port = 7000", "port = 0"), "gateway.port: must not be 0");
    }

    #[test]
    fn a_text_that_speaks_of_someone_unknown_is_named() {
        assert_eq!(
            error_with("{boat}", "{ship}"),
            "context[0].env.BOAT_URL: {ship} is neither the gateway nor a context"
        );
        assert_eq!(error_with("{gateway}", "{broker}"), "try[0].curl: {broker} is neither the gateway nor a context");
        for variable in ["LISTEN", "PASS_KEY_FILE"] {
            let expected = format!("context[0].env.{variable}: is set by flotilla itself");
            assert_eq!(error_with("BOAT_URL", variable), expected);
        }
    }

    #[test]
    fn a_context_that_asks_another_says_whom() {
        let calls = |called: &str| error_with("env = {", &format!("calls = [\"{called}\"]\nenv = {{"));
        assert_eq!(calls("ship"), "context[0].calls: \"ship\" is no other context");
        assert_eq!(calls("crane"), "context[0].calls: \"crane\" is no other context");
        assert_eq!(calls("gateway"), "context[0].calls: \"gateway\" is no other context");
        let text = HARBOUR.replacen("env = {", "calls = [\"boat\"]\nenv = {", 1);
        assert_eq!(Manifest::parse(&text).unwrap().contexts[0].calls, ["boat"]);
    }

    #[test]
    fn whoever_tries_something_has_a_name_and_a_role() {
        let text = format!("{HARBOUR}as = {{ name = \"kim\", role = \"clerk\" }}\n");
        let somebody = Manifest::parse(&text).unwrap().tries[0].asker.clone();
        assert_eq!(somebody, Some(Somebody { name: "kim".to_owned(), role: "clerk".to_owned() }));
        let error = Manifest::parse(&format!("{HARBOUR}as = {{ name = \"kim\" }}\n")).unwrap_err().to_string();
        assert_eq!(error, "try[0].as: missing field `role`");
    }

    #[test]
    fn a_fleet_without_a_context_is_refused() {
        let text = "name = \"a\"\ncontext = []\n[gateway]\nport = 1\nroutes = \"r\"\n";
        assert_eq!(Manifest::parse(text).unwrap_err().to_string(), "context: a fleet needs at least one");
    }
}
