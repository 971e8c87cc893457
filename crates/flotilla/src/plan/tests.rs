use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::describe::fleets::Fleet;
use crate::output::summary::startup_summary;
use manifest::Manifest;

use super::*;

fn harbour() -> Fleet {
    let manifest = r#"
name = "harbour"
open = ["the gates"]
[gateway]
port = 7000
routes = "routes.toml"
[[context]]
name = "crane"
package = "crane-service"
binary = "crane"
port = 7001
calls = ["boat"]
env = { BOAT_URL = "{boat}/x" }
[[context]]
name = "boat"
package = "boat-service"
binary = "boat"
port = 7002
[[try]]
say = "lift it"
curl = "curl {gateway}/lifts"
as = { name = "kim o", role = "clerk", claims = { desk = "7" } }
[[try]]
say = "look at it"
curl = "curl {gateway}/"
"#;
    Fleet {
        manifest: Manifest::parse(manifest).unwrap(),
        folder: None,
        contexts: Vec::new(),
        routes: "the routes".to_owned(),
        openapi: None,
    }
}

fn settings() -> Settings {
    Settings::embedded("/data", "/bin")
}

fn planned(settings: &Settings) -> Plan {
    Plan::new(&harbour(), settings).unwrap()
}

fn process<'a>(plan: &'a Plan, name: &str) -> &'a ProcessSpec {
    plan.processes.iter().find(|process| process.name == name).unwrap()
}

#[test]
fn a_program_that_cargo_does_not_build_is_made_below_the_folder_of_the_fleet_unless_it_is_among_the_binaries() {
    let place = tempfile::tempdir().unwrap();
    let mut fleet = harbour();
    fleet.folder = Some("/harbour".into());
    let program = manifest::Program { setup: "setup".into(), dockerfile: "d".into(), document: "o".into() };
    fleet.manifest.contexts[1].program = Some(program);
    let boat = |fleet: &Fleet| {
        let plan = Plan::new(fleet, &Settings::embedded("/data", place.path())).unwrap();
        let boat = process(&plan, "boat").clone();
        (boat.program, boat.setup.map(|setup| (setup.script, setup.is_optional)))
    };
    let made = ("/data/.programs/boat/boat".into(), Some(("/harbour/boat/setup".into(), true)));
    assert_eq!(boat(&fleet), made);
    std::fs::write(place.path().join("boat"), "").unwrap();
    assert_eq!(boat(&fleet), (place.path().join("boat"), None));
    // An embedded description has no folder: the fleet runs without the program, which the start reports.
    fleet.folder = None;
    std::fs::remove_file(place.path().join("boat")).unwrap();
    let plan = Plan::new(&fleet, &Settings::embedded("/data", place.path())).unwrap();
    assert!(plan.processes.iter().all(|process| process.name != "boat"));
    assert_eq!(plan.warnings.last().map(String::as_str), Some("boat is left out: boat is not among the binaries"));
}

#[test]
fn the_broker_comes_first_and_the_gateway_last() {
    let plan = planned(&settings());
    let names = plan.processes.iter().map(|process| process.name.as_str()).collect::<Vec<_>>();
    assert_eq!(names, ["broker", "crane", "boat", "gateway"]);
    let roles = plan.processes.iter().map(|process| process.role).collect::<Vec<_>>();
    assert_eq!(roles, [Role::Broker, Role::Context, Role::Context, Role::Gateway]);
}

#[test]
fn a_context_gets_its_address_its_store_its_broker_and_its_neighbours() {
    let plan = planned(&settings());
    let crane = process(&plan, "crane");
    assert_eq!(crane.program, Path::new("/bin/crane"));
    assert_eq!(crane.ready, Ready::Answers("http://127.0.0.1:7001/readyz".to_owned()));
    assert_eq!(crane.log(), Path::new("/data/crane/log.txt"));
    let expected = [
        ("BOAT_URL", "http://127.0.0.1:7002/x"),
        ("FLEET", "harbour"),
        ("KAFKA_BROKERS", "127.0.0.1:9092"),
        ("LISTEN", "127.0.0.1:7001"),
        ("LOG", "info"),
        ("STOP_ON_STDIN_EOF", "true"),
        ("STORE_URL", "sqlite:/data/crane/store.db"),
    ];
    assert_eq!(crane.env, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[test]
fn the_gateway_gets_its_routes_and_the_addresses_of_this_start() {
    let plan = planned(&Settings { port_offset: 100, ..settings() });
    let gateway = process(&plan, "gateway");
    assert_eq!(plan.gateway_files, [(PathBuf::from("/data/gateway/routes.toml"), "the routes".to_owned())]);
    assert_eq!(gateway.env["GATEWAY_ROUTES"], "/data/gateway/routes.toml");
    assert_eq!(gateway.env["UPSTREAM_CRANE"], "http://127.0.0.1:7101");
    assert_eq!(plan.tries[0].curl, "curl http://127.0.0.1:7100/lifts");
}

#[test]
fn the_broker_keeps_its_log_below_the_folder() {
    let plan = planned(&settings());
    let broker = process(&plan, "broker");
    assert_eq!((broker.program.as_path(), &broker.ready), (Path::new("/bin/flotilla-broker"), &Ready::Accepts));
    assert_eq!(broker.env["BROKER_LISTEN"], "127.0.0.1:9092");
    assert_eq!(broker.env["BROKER_DIR"], "/data/broker");
    assert!(!broker.env.contains_key("LOG"));
}

#[test]
fn the_offset_moves_every_port_but_those_that_are_set() {
    let ports = BTreeMap::from([("broker".to_owned(), 19092)]);
    let plan = planned(&Settings { port_offset: 100, ports, ..settings() });
    let ports = plan.processes.iter().map(|process| process.listen.port()).collect::<Vec<_>>();
    assert_eq!(ports, [19092, 7101, 7102, 7100]);
    assert_eq!(process(&plan, "boat").env["KAFKA_BROKERS"], "127.0.0.1:19092");
}

#[test]
fn a_port_above_the_last_is_refused() {
    let error = Plan::new(&harbour(), &Settings { port_offset: 60_000, ..settings() }).err().unwrap();
    assert_eq!(error.to_string(), "the port of crane would be 67001: choose a smaller --port-offset");
}

#[test]
fn only_the_gateway_listens_outside_and_it_is_still_reached_on_this_machine() {
    let plan = planned(&Settings { host: "0.0.0.0".parse().unwrap(), ..settings() });
    assert_eq!(process(&plan, "gateway").env["LISTEN"], "0.0.0.0:7000");
    assert_eq!(plan.gateway, "http://127.0.0.1:7000");
    assert!(plan.processes.iter().filter(|one| one.role != Role::Gateway).all(|one| one.listen.ip().is_loopback()));
}

#[test]
fn with_a_kafka_that_runs_already_no_broker_is_started() {
    let plan = planned(&Settings { broker: Broker::External("k1:9092,k2:9092".to_owned()), ..settings() });
    assert!(plan.processes.iter().all(|process| process.role != Role::Broker));
    assert_eq!(process(&plan, "boat").env["KAFKA_BROKERS"], "k1:9092,k2:9092");
}

#[test]
fn each_context_has_a_database_of_its_own() {
    let stores = |url: &str| Settings { stores: Stores::External(url.to_owned()), ..settings() };
    let plan = planned(&stores("postgres://u:p@h/{fleet}_{context}"));
    assert_eq!(process(&plan, "boat").env["STORE_URL"], "postgres://u:p@h/harbour_boat");
    assert_eq!(Plan::new(&harbour(), &stores("postgres://h/one")).err(), Some(PlanError::SharedStore));
}

#[test]
fn a_password_in_the_store_is_not_shown_by_debug() {
    let settings = Settings { stores: Stores::External("postgres://u:secret@h/{context}".to_owned()), ..settings() };
    assert!(!format!("{settings:?}").contains("secret"));
}

#[test]
fn a_replica_differs_in_its_name_its_port_and_its_log() {
    let plan = planned(&settings());
    let second = plan.replica("boat", 2, 7102).unwrap();
    assert_eq!((second.name.as_str(), second.log()), ("boat-2", PathBuf::from("/data/boat-2/log.txt")));
    assert_eq!(second.ready, Ready::Answers("http://127.0.0.1:7102/readyz".to_owned()));
    let first = process(&plan, "boat");
    let changed = second.env.iter().filter(|(name, value)| first.env[*name] != **value).collect::<Vec<_>>();
    assert_eq!(changed, [(&"LISTEN".to_owned(), &"127.0.0.1:7102".to_owned())]);
    assert!(plan.replica("gateway", 2, 7102).is_none());
}

#[test]
fn a_folder_may_be_called_anything() {
    let plan = planned(&Settings::embedded("/a b/50%?#{fleet}", "/bin"));
    assert_eq!(process(&plan, "crane").env["STORE_URL"], "sqlite:/a%20b/50%25%3F%23%7Bfleet%7D/crane/store.db");
    assert_eq!(process(&plan, "broker").env["BROKER_DIR"], "/a b/50%?#{fleet}/broker");
    assert_eq!(process(&plan, "gateway").env["GATEWAY_ROUTES"], "/a b/50%?#{fleet}/gateway/routes.toml");
}

#[test]
fn insecure_settings_are_printed_at_every_start() {
    let summary = startup_summary(&planned(&settings()), std::time::Duration::from_millis(7));
    assert!(summary.contains("is up after 7 ms") && summary.contains("INSECURE: the gates"), "{summary}");
}

fn with_auth() -> Settings {
    Settings { auth: Some(Auth { token_command: "flotilla token".to_owned(), issuer: None }), ..settings() }
}

/// The variables of a process that only authentication adds.
fn added_env(name: &str) -> Vec<(String, String)> {
    let (without_auth, plan) = (planned(&settings()), planned(&with_auth()));
    let env = process(&plan, name).env.clone();
    env.into_iter().filter(|(variable, _)| !process(&without_auth, name).env.contains_key(variable)).collect()
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

#[test]
fn with_authentication_the_gateway_trusts_the_keys_in_the_folder_and_signs_internal_tokens() {
    let expected = pairs([
        ("IDENTITY_AUDIENCE", "harbour"),
        ("IDENTITY_ISSUER", "flotilla"),
        ("IDENTITY_KEYS_FILE", "/data/identity/jwks.json"),
        ("INTERNAL_TOKEN_SIGNING_KEY_FILE", "/data/identity/pass.pem"),
        ("REQUIRE_IDENTITY", "true"),
    ]);
    assert_eq!(added_env("gateway"), expected);
    assert_eq!(added_env("broker"), []);
}

#[test]
fn with_authentication_a_context_trusts_the_gateway_and_a_calling_context_signs_with_its_own_key() {
    let trusts_gateway_and = |own: (&str, &str)| {
        pairs([
            ("INTERNAL_TOKEN_PUBLIC_KEY_FILE", "/data/identity/pass.pub.pem"),
            ("OPERATOR_ROLE", "operator"),
            ("REQUIRE_IDENTITY", "true"),
            own,
        ])
    };
    assert_eq!(added_env("crane"), trusts_gateway_and(("SERVICE_SIGNING_KEY_FILE", "/data/identity/call-crane.pem")));
    assert_eq!(
        added_env("boat"),
        trusts_gateway_and(("SERVICE_PUBLIC_KEY_FILE", "/data/identity/callers-boat.pub.pem"))
    );
}

#[test]
fn a_replica_authenticates_too() {
    let plan = planned(&with_auth());
    let second = plan.replica("crane", 2, 7102).unwrap();
    for (variable, value) in added_env("crane") {
        assert_eq!(second.env[&variable], value);
    }
}

#[test]
fn an_example_request_carries_a_token_of_its_caller() {
    let curls = planned(&with_auth()).tries.into_iter().map(|one| one.curl).collect::<Vec<_>>();
    let with_token = "curl http://127.0.0.1:7000/lifts \\\n    \
                 -H \"Authorization: Bearer $(flotilla token --role clerk --claim desk=7 --name 'kim o')\"";
    assert_eq!(curls, [with_token, "curl http://127.0.0.1:7000/"]);
}

#[test]
fn only_a_fleet_without_authentication_prints_the_warning() {
    let summary = |settings| startup_summary(&planned(&settings), std::time::Duration::ZERO);
    let (without_auth, with_auth) = (summary(settings()), summary(with_auth()));
    assert!(
        without_auth.contains("INSECURE: authentication is disabled") && without_auth.contains("--auth"),
        "{without_auth}"
    );
    assert!(!without_auth.contains("Tokens:"), "{without_auth}");
    assert!(
        !with_auth.contains("authentication is disabled") && with_auth.contains("INSECURE: the gates"),
        "{with_auth}"
    );
    assert!(with_auth.contains("Tokens: flotilla token --role ROLE --name NAME"), "{with_auth}");
}

#[test]
fn with_a_provider_the_gateway_uses_its_keys_and_example_requests_use_the_token_of_the_user() {
    let issuer = "https://id.example/realms/r".to_owned();
    let auth = Auth { token_command: "flotilla token".to_owned(), issuer: Some(issuer.clone()) };
    let plan = planned(&Settings { auth: Some(auth), ..settings() });
    let gateway = process(&plan, "gateway");
    assert_eq!((&gateway.env["IDENTITY_ISSUER"], gateway.env.get("IDENTITY_KEYS_FILE")), (&issuer, None));
    assert_eq!(gateway.env["IDENTITY_AUDIENCE"], "harbour");
    let summary = startup_summary(&plan, std::time::Duration::ZERO);
    assert!(summary.contains(&format!("Tokens: of {issuer}; put one into TOKEN")), "{summary}");
}
