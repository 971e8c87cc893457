//! Declarations that are accepted and rejected.

use super::*;
use crate::Claims;

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
fn a_manifest_is_parsed_and_the_gateway_is_named_gateway_by_default() {
    let manifest = Manifest::parse(HARBOUR).unwrap();
    assert_eq!(manifest.gateway.package, "gateway");
    assert_eq!(manifest.contexts[0].env["BOAT_URL"], "{boat}");
    assert_eq!(manifest.contexts[1].binary(), "boat");
    assert_eq!(manifest.tries[0].description, "lift it");
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
fn a_syntax_error_has_its_line() {
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
    assert_eq!(error_with("name = \"boat\"", "name = \"crane\""), "context.name: \"crane\" is taken");
    assert_eq!(error_with("name = \"boat\"", "name = \"broker\""), "context.name: \"broker\" is taken");
    assert_eq!(error_with("name = \"boat\"", "name = \"identity\""), "context.name: \"identity\" is taken");
    assert!(error_with("name = \"boat\"", "name = \"../x\"").starts_with("context.name: \"../x\" is not a name"));
    assert!(error_with("name = \"harbour\"", "name = \"\"").starts_with("name: \"\" is not a name"));
    assert_eq!(error_with("port = 7002", "port = 7000"), "context.boat.port: 7000 is used twice");
    assert_eq!(error_with("port = 7000", "port = 0"), "gateway.port: must not be 0");
}

#[test]
fn an_unknown_placeholder_is_named() {
    assert_eq!(
        error_with("{boat}", "{ship}"),
        "context.crane.env.BOAT_URL: {ship} is neither the gateway nor a context"
    );
    assert_eq!(error_with("{gateway}", "{broker}"), "try[0].curl: {broker} is neither the gateway nor a context");
    for variable in ["LISTEN", "INTERNAL_TOKEN_PUBLIC_KEY_FILE"] {
        let expected = format!("context.crane.env.{variable}: is set by flotilla itself");
        assert_eq!(error_with("BOAT_URL", variable), expected);
    }
}

#[test]
fn calls_name_other_contexts() {
    let calls = |called: &str| error_with("env = {", &format!("calls = [\"{called}\"]\nenv = {{"));
    assert_eq!(calls("ship"), "context.crane.calls: \"ship\" is no other context");
    assert_eq!(calls("crane"), "context.crane.calls: \"crane\" is no other context");
    assert_eq!(calls("gateway"), "context.crane.calls: \"gateway\" is no other context");
    let text = HARBOUR.replacen("env = {", "calls = [\"boat\"]\nenv = {", 1);
    assert_eq!(Manifest::parse(&text).unwrap().contexts[0].calls, ["boat"]);
}

#[test]
fn the_caller_of_an_example_has_a_name_a_role_and_perhaps_further_claims() {
    for (further, claims) in [("", None), (", claims = { desk = \"7\" }", Some(("desk".to_owned(), "7".to_owned())))] {
        let text = format!("{HARBOUR}as = {{ name = \"kim\", role = \"clerk\"{further} }}\n");
        let caller = Manifest::parse(&text).unwrap().tries[0].caller.clone();
        let claims = claims.into_iter().collect();
        assert_eq!(caller, Some(Claims { name: "kim".to_owned(), role: "clerk".to_owned(), claims }), "{further}");
    }
    let error = Manifest::parse(&format!("{HARBOUR}as = {{ name = \"kim\" }}\n")).unwrap_err().to_string();
    assert_eq!(error, "try[0].as: missing field `role`");
}

#[test]
fn a_fleet_without_a_context_is_refused() {
    let text = "name = \"a\"\n[gateway]\nport = 1\nroutes = \"r\"\n";
    assert_eq!(Manifest::parse(text).unwrap_err().to_string(), "context: a fleet needs at least one");
}

#[test]
fn contexts_are_ordered_by_their_ports_wherever_they_are_declared() {
    let dock = |port: u16| {
        let text = format!("name = \"dock\"\nrank = \"core\"\nport = {port}\ncalls = [\"boat\"]\n");
        ContextText { folder: "dock".to_owned(), text }
    };
    let names = |port| {
        let manifest = Manifest::assemble(HARBOUR, &[dock(port)]).unwrap();
        manifest.contexts.into_iter().map(|context| context.name).collect::<Vec<_>>()
    };
    assert_eq!(names(6999), ["dock", "crane", "boat"]);
    assert_eq!(names(7003), ["crane", "boat", "dock"]);
    let error = Manifest::assemble(HARBOUR, &[dock(7001)]).unwrap_err().to_string();
    assert_eq!(error, "context.dock.port: 7001 is used twice");
}

#[test]
fn an_error_in_the_file_of_a_context_names_the_file_and_the_field() {
    let with = |text: &str| {
        let texts = [ContextText { folder: "dock".to_owned(), text: text.to_owned() }];
        Manifest::assemble(HARBOUR, &texts).unwrap_err().to_string()
    };
    assert_eq!(with("name = \"dock\"\n"), "dock/context.toml: top level: missing field `port`");
    let error = with("name = \"dock\"\nport = 7003\n[kubernetes]\nmemroy = \"1Gi\"\n");
    assert!(error.starts_with("dock/context.toml: kubernetes.memroy: unknown field"), "{error}");
    let error = with("name = \"dock\"\nport =\n");
    assert!(error.starts_with("dock/context.toml: line 2: "), "{error}");
}

#[test]
fn the_callers_of_a_context_are_known() {
    let text = HARBOUR.replacen("env = {", "calls = [\"boat\"]\nenv = {", 1);
    let manifest = Manifest::parse(&text).unwrap();
    let callers = manifest.callers_of("boat").map(|context| context.name.as_str()).collect::<Vec<_>>();
    assert_eq!(callers, ["crane"]);
    assert_eq!(manifest.callers_of("crane").count(), 0);
}
