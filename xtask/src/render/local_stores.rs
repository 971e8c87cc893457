//! `k8s/<fleet>/components/local-stores`: the stores of the contexts in the overlay `local`.

use super::{
    optional::store_name,
    rendered::Rendered,
    template::{each, fill},
};
use manifest::{Context, LocalStore, Manifest};

/// Adds the component.
pub fn render(fleet: &Manifest, rendered: &mut Rendered) {
    let source = format!("services/{}", fleet.name);
    let mut add = |file: &str, text: &str| {
        rendered.add(format!("k8s/{}/components/local-stores/{file}", fleet.name), &source, text);
    };
    add("kustomization.yaml", &kustomization(fleet));
    add("stores.yaml", &databases(fleet));
    for (context, server) in servers(fleet) {
        let (name, template) = (context.name.as_str(), server.template);
        let values = [("name", name), ("server", server.name), ("about", server.about), ("port", server.port)];
        let folder = format!("{name}-{}", server.name);
        add(&format!("{folder}/kustomization.yaml"), &fill(template, &values));
        add(&format!("{name}-network.yaml"), &fill(include_str!("templates/own-network.yaml"), &values));
        add(&format!("{folder}/edges.txt"), &edges(fleet, name, server));
    }
    for context in with(fleet, LocalStore::Sqlite) {
        let values = [("name", context.name.as_str())];
        add(&format!("{}-volume.yaml", context.name), &fill(include_str!("templates/sqlite-volume.yaml"), &values));
        add(&format!("{}.yaml", context.name), &fill(include_str!("templates/sqlite-context.yaml"), &values));
        if fleet.audit.is_some() {
            add(&format!("{}-audit.yaml", context.name), &fill(include_str!("templates/sqlite-audit.yaml"), &values));
        }
    }
}

/// A server that a context has for itself.
struct Server {
    name: &'static str,
    about: &'static str,
    port: &'static str,
    template: &'static str,
}

const POSTGRES: Server = Server {
    name: "postgres",
    about: "PostgreSQL",
    port: "5432",
    template: include_str!("templates/own-postgres.yaml"),
};

const MARIADB: Server =
    Server { name: "mariadb", about: "MariaDB", port: "3306", template: include_str!("templates/own-mariadb.yaml") };

/// The contexts that have a server for themselves.
fn servers(fleet: &Manifest) -> impl Iterator<Item = (&Context, &'static Server)> {
    fleet.contexts.iter().filter_map(|context| match context.kubernetes.store {
        LocalStore::Own => Some((context, &POSTGRES)),
        LocalStore::MariaDb => Some((context, &MARIADB)),
        LocalStore::Shared | LocalStore::Sqlite => None,
    })
}

fn with(fleet: &Manifest, store: LocalStore) -> impl Iterator<Item = &Context> {
    fleet.contexts.iter().filter(move |context| context.kubernetes.store == store)
}

fn kustomization(fleet: &Manifest) -> String {
    let own = each(servers(fleet), |(Context { name, .. }, server)| {
        format!("  - {name}-{}\n  - {name}-network.yaml\n", server.name)
    });
    let volumes = each(with(fleet, LocalStore::Sqlite), |Context { name, .. }| format!("  - {name}-volume.yaml\n"));
    let resources = format!("{own}{volumes}");
    let resources = if resources.is_empty() { resources } else { format!("resources:\n{resources}") };
    let secrets = each(&fleet.contexts, |context| {
        format!("  - name: {}-store\n    literals:\n      - uri={}\n", context.name, uri(context))
    });
    let patches = each(with(fleet, LocalStore::Sqlite), |Context { name, .. }| {
        let audit = fleet.audit.as_ref().map(|_| format!("  - path: {name}-audit.yaml\n")).unwrap_or_default();
        format!("  - path: {name}.yaml\n{audit}")
    });
    let values = [("resources", resources.as_str()), ("secrets", &secrets), ("patches", &patches)];
    fill(include_str!("templates/local-stores-kustomization.yaml"), &values)
}

fn uri(context: &Context) -> String {
    let (name, store) = (&context.name, store_name(context));
    let server = match context.kubernetes.store {
        LocalStore::Shared => "postgres".to_owned(),
        LocalStore::Own => format!("{name}-postgres"),
        LocalStore::MariaDb => return format!("mariadb://{store}:local-{name}@{name}-mariadb:3306/{store}"),
        LocalStore::Sqlite => return format!("sqlite:/var/lib/{name}/store.db"),
    };
    format!("postgres://{store}:local-{name}@{server}:5432/{store}")
}

/// What the server of the fleet creates.
fn databases(fleet: &Manifest) -> String {
    let sources = each(with(fleet, LocalStore::Shared), |Context { name, .. }| {
        format!(
            "              - secret:\n                  name: {name}-store\n                  items: [{{key: uri, path: {name}}}]\n"
        )
    });
    fill(include_str!("templates/local-stores.yaml"), &[("sources", &sources)])
}

/// The connections to the server of a context.
fn edges(fleet: &Manifest, name: &str, Server { name: server, port, .. }: &Server) -> String {
    let audit = fleet.audit.as_ref().map(|_| "audit");
    each(audit.into_iter().chain([name]), |client| format!("{client} {name}-{server} {port}\n"))
}
