//! A fleet of two contexts, rendered.

use super::*;
use manifest::ContextText;

const FLEET: &str = "name = \"harbour\"\n\
    [audit]\npackage = \"harbour-audit\"\nbinary = \"harbour-audit\"\n\
    [gateway]\nport = 1\nroutes = \"gateway.toml\"\nopenapi = \"openapi.json\"\n\
    [gateway.settings.limits]\nrate = \"9/1s\"\n";
/// Has a route, and calls the other one.
const CRANE: &str = "name = \"my-crane\"\ntype = \"Cranes\"\nevents = \"CraneEvent\"\nrank = \"core\"\nabout = \"lifts\"\nport = 2\ncalls = [\"boat\"]\n\
    env = { BOAT_URL = \"{boat}\" }\n\
    [[routes]]\npath = \"/lifts\"\nmethods = [\"GET\"]\nroles = [\"clerk\"]\nstream = true\n\
    [kubernetes]\nmin_replicas = 2\nmemory = \"512Mi\"\nscale_on_lag = true\n";
/// Has no route.
const BOAT: &str = "name = \"boat\"\nport = 3\n";

fn fleet(contexts: &[&str]) -> Manifest {
    let declared = contexts.iter().map(|text| {
        let folder = text.split('"').nth(1).unwrap_or_default().to_owned();
        ContextText { folder, text: (*text).to_owned() }
    });
    Manifest::assemble(FLEET, &declared.collect::<Vec<_>>()).unwrap()
}

fn harbour() -> Rendered {
    render(&[fleet(&[CRANE, BOAT])]).unwrap()
}

#[test]
fn every_file_names_its_generator_and_no_placeholder_is_left() {
    for (path, text) in harbour().files() {
        let first = text.lines().next().unwrap_or_default().trim_start_matches('/').trim_start_matches('#');
        assert!(first.starts_with(" Rendered by `cargo xtask render` from services"), "{path}");
        assert_eq!(manifest::template::names(text), Vec::<&str>::new(), "{path}");
        assert!(!text.contains("\n\n\n") && text.ends_with('\n') && !text.ends_with("\n\n"), "{path}:\n{text}");
    }
}

#[test]
fn the_gateway_gets_the_settings_and_the_routes_of_the_contexts() {
    let rendered = harbour();
    let routes: toml::Table = toml::from_str(rendered.text("services/harbour/gateway.toml")).unwrap();
    let expected = toml::from_str::<toml::Table>(
        "openapi = \"openapi.json\"\n[limits]\nrate = \"9/1s\"\n[upstreams]\nmy-crane = \"http://127.0.0.1:2\"\n\
         [[routes]]\npath = \"/lifts\"\nupstream = \"my-crane\"\nmethods = [\"GET\"]\nroles = [\"clerk\"]\nstream = true\n",
    );
    assert_eq!(routes, expected.unwrap());
    let addresses = rendered.text("k8s/harbour/base/gateway/kustomization.yaml");
    assert!(addresses.ends_with("literals:\n      - UPSTREAM_MY_CRANE=http://my-crane:8080\n"), "{addresses}");
}

#[test]
fn a_context_has_its_variables_its_limits_and_its_replicas() {
    let rendered = harbour();
    let own = rendered.text("k8s/harbour/base/my-crane/own.yaml");
    assert!(own.contains("name: BOAT_URL\n              value: \"http://boat:8080\"\n"), "{own}");
    assert!(own.contains("          resources:\n            limits:\n              memory: \"512Mi\"\n---\n"), "{own}");
    assert!(own.ends_with("    name: my-crane\n  minReplicas: 2\n"), "{own}");
    let default = rendered.text("k8s/harbour/base/boat/own.yaml");
    assert!(!default.contains("resources:") && !default.contains("Replicas"), "{default}");
    assert!(rendered.text("k8s/harbour/components/lag/my-crane.yaml").contains("minReplicaCount: 2\n"));
}

#[test]
fn a_call_is_allowed_on_both_sides_and_both_contexts_get_their_keys() {
    let rendered = harbour();
    let network = rendered.text("k8s/harbour/base/network.yaml");
    assert!(
        network.contains("name: my-crane-to-boat\n") && network.contains("name: boat-from-my-crane\n"),
        "{network}"
    );
    let edges = rendered.text("k8s/harbour/base/edges.txt");
    assert_eq!(edges, "gateway my-crane 8080\ngateway boat 8080\nmy-crane boat 8080\n");
    let keys = |context: &str| rendered.text(&format!("k8s/harbour/components/identity/{context}.yaml")).to_owned();
    assert!(keys("my-crane").contains("secretName: my-crane-call-key\n"), "{}", keys("my-crane"));
    assert!(keys("boat").contains("name: boat-callers\n"), "{}", keys("boat"));
    let compose = rendered.text("compose/harbour/auth.yaml");
    assert!(compose.contains("CALLS: my-crane:boat\n") && compose.contains("callers-boat.pub.pem"), "{compose}");
}

#[test]
fn a_store_has_the_name_of_its_context_as_an_identifier() {
    let rendered = harbour();
    let compose = rendered.text("compose/harbour/services.yaml");
    assert!(compose.contains("PASSWORD_OF_my_crane: ${MY_CRANE_PASSWORD:-my-crane-local-only}\n"), "{compose}");
    let local = rendered.text("k8s/harbour/components/local-stores/kustomization.yaml");
    assert!(local.contains("name: my-crane-store\n    literals:\n      - uri=postgres://my_crane:"), "{local}");
}

#[test]
fn a_context_with_a_store_of_its_own_gets_a_server_and_one_with_a_file_gets_a_volume() {
    let crane = format!("{CRANE}store = \"own\"\n");
    let boat = format!("{BOAT}[kubernetes]\nstore = \"sqlite\"\n");
    let rendered = render(&[fleet(&[&crane, &boat])]).unwrap();
    let text = |file: &str| rendered.text(&format!("k8s/harbour/components/local-stores/{file}")).to_owned();
    let component = text("kustomization.yaml");
    assert!(
        component.contains("resources:\n  - my-crane-postgres\n  - my-crane-network.yaml\n  - boat-volume.yaml\n"),
        "{component}"
    );
    assert!(
        component.contains("uri=postgres://my_crane:local-my-crane@my-crane-postgres:5432/my_crane\n"),
        "{component}"
    );
    assert!(component.contains("uri=sqlite:/var/lib/boat/store.db\n"), "{component}");
    assert!(component.ends_with("  - path: boat.yaml\n  - path: boat-audit.yaml\n"), "{component}");
    assert!(!text("stores.yaml").contains("my-crane") && !text("stores.yaml").contains("boat"));
    assert_eq!(text("my-crane-postgres/edges.txt"), "audit my-crane-postgres 5432\nmy-crane my-crane-postgres 5432\n");
    assert!(text("boat.yaml").contains("maxReplicas: 1\n") && text("boat.yaml").contains("claimName: boat-store\n"));
}

#[test]
fn a_program_that_cargo_does_not_build_has_an_image_and_a_document_of_its_own_and_may_have_a_mariadb() {
    let program = "[program]\nsetup = \"setup\"\ndockerfile = \"Dockerfile\"\ndocument = \"openapi.json\"\n";
    let crane = format!("{CRANE}store = \"mariadb\"\n{program}").replace("events = \"CraneEvent\"\n", "");
    let rendered = render(&[fleet(&[&crane, BOAT])]).unwrap();
    assert_eq!(rendered.text("services/programs.txt"), "my-crane services/harbour/my-crane\n");
    assert!(!rendered.text("services/images.txt").contains("my-crane"));
    let library = rendered.text("services/harbour/catalog/src/lib.rs");
    let document = "        contracts::written_document(include_str!(\"../../my-crane/openapi.json\")),\n";
    assert!(library.contains(document) && !library.contains("my_crane_service"), "{library}");
    assert!(!rendered.text("services/harbour/catalog/Cargo.toml").contains("my-crane-service"));
    let compose = rendered.text("compose/harbour/services.yaml");
    for part in [
        "    build: { context: services/harbour/my-crane, dockerfile: Dockerfile }\n",
        "      STORE_URL: mariadb://my_crane:${MY_CRANE_PASSWORD:-my-crane-local-only}@my-crane-mariadb/my_crane\n",
        "    depends_on:\n      my-crane-mariadb: { condition: service_healthy }\n",
        "    volumes: [\"my-crane-mariadb:/var/lib/mysql\"]\n",
        "\nvolumes:\n  my-crane-mariadb:\n",
    ] {
        assert!(compose.contains(part), "{part}{compose}");
    }
    assert!(compose.contains("PASSWORD_OF_boat:") && !compose.contains("PASSWORD_OF_my_crane"), "{compose}");
    let text = |file: &str| rendered.text(&format!("k8s/harbour/components/local-stores/{file}")).to_owned();
    let component = text("kustomization.yaml");
    let uri = "uri=mariadb://my_crane:local-my-crane@my-crane-mariadb:3306/my_crane\n";
    assert!(component.contains(uri) && component.contains("  - my-crane-mariadb\n"), "{component}");
    assert_eq!(text("my-crane-mariadb/edges.txt"), "audit my-crane-mariadb 3306\nmy-crane my-crane-mariadb 3306\n");
    assert!(text("my-crane-network.yaml").contains("        - port: 3306\n"), "{}", text("my-crane-network.yaml"));
}

#[test]
fn a_simulator_replaces_the_image_of_its_context_and_without_one_there_is_no_component() {
    assert!(!harbour().files().any(|(path, _)| path.contains("components/simulator")));
    let boat = format!("{BOAT}simulator = \"boat-simulator\"\n");
    let rendered = render(&[fleet(&[&boat])]).unwrap();
    let component = rendered.text("k8s/harbour/components/simulator/kustomization.yaml");
    assert!(component.contains("  - name: flotilla/boat\n    newName: flotilla/boat-simulator\n"), "{component}");
    assert!(component.contains("  - name: boat-simulator\n    options:\n"), "{component}");
    assert!(rendered.text("k8s/harbour/components/simulator/boat.yaml").contains("- name: BOAT_SIMULATOR_FILE\n"));
}

#[test]
fn a_process_is_missed_in_its_own_fleet() {
    let rendered = harbour();
    let rules = rendered.text("observability/prometheus/harbour/rules.yml");
    assert!(rules.contains("or absent(up{fleet=\"harbour\",job=\"boat\"})\n"), "{rules}");
    let targets = rendered.text("observability/prometheus/harbour/prometheus.yml");
    assert!(targets.contains("[{ targets: [\"boat:8080\"], labels: { fleet: harbour } }]\n"), "{targets}");
}

#[test]
fn the_catalog_has_the_documents_of_routed_contexts_and_the_events_of_publishers() {
    let rendered = harbour();
    let library = rendered.text("services/harbour/catalog/src/lib.rs");
    assert!(library.contains("        context::document::<my_crane_service::Cranes>(),\n    ]\n"), "{library}");
    assert!(library.contains("        Published::of::<my_crane_contract::CraneEvent>()?,\n    ])\n"), "{library}");
    let cargo: toml::Table = toml::from_str(rendered.text("services/harbour/catalog/Cargo.toml")).unwrap();
    assert_eq!(cargo["dependencies"]["my-crane-contract"]["path"].as_str(), Some("../my-crane/contract"));
    assert!(cargo["dependencies"].get("boat-service").is_none());
}

#[test]
fn a_fleet_without_calls_has_neither_policies_nor_keys_of_its_own() {
    let rendered = render(&[fleet(&[BOAT])]).unwrap();
    assert!(!rendered.files().any(|(path, _)| path.ends_with("network.yaml")));
    let base = rendered.text("k8s/harbour/base/kustomization.yaml");
    assert!(base.contains("  - ../../base/network\nlabels:\n"), "{base}");
    assert!(
        rendered
            .text("k8s/harbour/components/identity/kustomization.yaml")
            .ends_with("  - ../../../components/identity\n")
    );
    assert!(rendered.text("compose/harbour/auth.yaml").ends_with("service: keys }\n"));
}

#[test]
fn two_contexts_with_one_image_and_sections_that_are_rendered_are_rejected() {
    let twice = [fleet(&[BOAT]), fleet(&[BOAT])];
    let error = images::render(&twice, &mut Rendered::default()).unwrap_err().to_string();
    assert_eq!(error, "services/harbour/boat: another context has the binary boat: set `binary`");
    let mut fleet = fleet(&[BOAT]);
    fleet.gateway.settings.insert("routes".to_owned(), toml::Value::Table(toml::Table::new()));
    assert!(gateway::render(&fleet, &mut Rendered::default()).is_err());
}

#[test]
fn a_context_that_is_added_to_any_fleet_changes_no_file_of_another_context() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for fleet in fleets(&root).unwrap() {
        let declaration = root.join("services").join(&fleet.name).join("fleet.toml");
        let mut contexts = manifest::context_texts(&declaration).unwrap();
        contexts.push(ContextText { folder: "diary".to_owned(), text: "name = \"diary\"\nport = 8999\n".to_owned() });
        let with = Manifest::assemble(&std::fs::read_to_string(&declaration).unwrap(), &contexts).unwrap();
        let with = render(&[with]).unwrap();
        let is_of_a_context = |path: &str| {
            let parts = || path.split('/').map(|part| part.split_once('.').map_or(part, |(name, _)| name));
            fleet.contexts.iter().any(|context| parts().any(|part| part == context.name))
        };
        let without = render(std::slice::from_ref(&fleet)).unwrap();
        let of_contexts: Vec<_> = without.files().filter(|(path, _)| is_of_a_context(path)).collect();
        assert!(of_contexts.len() >= fleet.contexts.len(), "{of_contexts:?}");
        for (path, text) in of_contexts {
            assert_eq!(with.files().find(|(other, _)| *other == path), Some((path, text)));
        }
        let new = with.files().filter(|(path, _)| !without.files().any(|(other, _)| other == *path));
        assert!(new.map(|(path, _)| path).all(|path| path.contains("diary")));
    }
}
