//! `compose/<fleet>`: the services of the fleet in Compose, and their keys.

use super::{
    gateway,
    kubernetes::addressed,
    optional::store_name,
    rendered::Rendered,
    template::{VERSION, each, fill},
};
use manifest::{Check, Context, LocalStore, Manifest};

/// Adds the files.
pub fn render(fleet: &Manifest, rendered: &mut Rendered) {
    let source = format!("services/{}", fleet.name);
    rendered.add(format!("compose/{}/services.yaml", fleet.name), &source, &services(fleet));
    rendered.add(format!("compose/{}/auth.yaml", fleet.name), &source, &auth(fleet));
}

fn services(fleet: &Manifest) -> String {
    let upstreams = each(gateway::upstreams(fleet), |context| {
        format!("      UPSTREAM_{}: http://{}:8080\n", context.variable(), context.name)
    });
    let routes = (&fleet.gateway.routes, "gateway.toml");
    let document = fleet.gateway.openapi.as_ref().map(|openapi| (openapi, openapi.as_str()));
    let volumes = each([Some(routes), document].into_iter().flatten(), |(file, inside)| {
        format!("      - ./services/{}/{file}:/{inside}:ro\n", fleet.name)
    });
    let dependencies =
        each(&fleet.contexts, |context| format!("      {}: {{ condition: service_healthy }}\n", context.name));
    let on_postgres = fleet.contexts.iter().filter(|context| !has_mariadb(context));
    let passwords =
        each(on_postgres, |context| format!("      PASSWORD_OF_{}: {}\n", store_name(context), password(context)));
    fill(
        include_str!("templates/compose-services.yaml"),
        &[
            ("fleet", &fleet.name),
            ("gateway-binary", &fleet.gateway.binary),
            ("version", VERSION),
            ("upstreams", &upstreams),
            ("volumes", &volumes),
            ("dependencies", &dependencies),
            ("contexts", &each(&fleet.contexts, |one| context(fleet, one))),
            ("audit", &fleet.audit.as_ref().map(|check| audit(fleet, check)).unwrap_or_default()),
            ("passwords", &passwords),
            ("volumes-of-stores", &volumes_of_stores(fleet)),
        ],
    )
}

fn context(fleet: &Manifest, context: &Context) -> String {
    let env = each(&context.env, |(name, value)| format!("      {name}: {:?}\n", addressed(value)));
    let text = fill(
        include_str!("templates/compose-context.yaml"),
        &[
            ("name", &context.name),
            ("binary", context.local_binary()),
            ("build", &build(fleet, context)),
            ("version", VERSION),
            ("fleet", &fleet.name),
            ("store", &store(context)),
            ("own-env", &env),
            ("depends", &depends(context)),
        ],
    );
    format!("\n{text}{}", mariadb(context))
}

/// How the image is made.
fn build(fleet: &Manifest, context: &Context) -> String {
    match &context.program {
        Some(program) => {
            format!("context: services/{}/{}, dockerfile: {}", fleet.name, context.name, program.dockerfile)
        }
        None => format!("args: {{ BINARY: {} }}", context.local_binary()),
    }
}

/// Whether the context has a `MariaDB` of its own.
fn has_mariadb(context: &Context) -> bool {
    context.kubernetes.store == LocalStore::MariaDb
}

fn depends(context: &Context) -> String {
    if !has_mariadb(context) {
        return String::new();
    }
    format!("    depends_on:\n      {}-mariadb: {{ condition: service_healthy }}\n", context.name)
}

/// The server of a context that has one.
fn mariadb(context: &Context) -> String {
    if !has_mariadb(context) {
        return String::new();
    }
    let values = [("name", context.name.clone()), ("store", store_name(context)), ("password", password(context))];
    let text = include_str!("templates/compose-mariadb.yaml");
    format!("\n{}", fill(text, &values.each_ref().map(|(name, value)| (*name, value.as_str()))))
}

fn volumes_of_stores(fleet: &Manifest) -> String {
    let servers = fleet.contexts.iter().filter(|context| has_mariadb(context));
    let volumes = each(servers, |context| format!("  {}-mariadb:\n", context.name));
    if volumes.is_empty() { volumes } else { format!("\nvolumes:\n{volumes}") }
}

fn audit(fleet: &Manifest, audit: &Check) -> String {
    let stores =
        each(&fleet.contexts, |context| format!("      STORE_URL_{}: {}\n", context.variable(), store(context)));
    fill(
        include_str!("templates/compose-audit.yaml"),
        &[("binary", &audit.binary), ("version", VERSION), ("fleet", &fleet.name), ("stores", &stores)],
    )
}

fn store(context: &Context) -> String {
    let name = store_name(context);
    if has_mariadb(context) {
        return format!("mariadb://{name}:{}@{}-mariadb/{name}", password(context), context.name);
    }
    format!("postgres://{name}:{}@postgres/{name}", password(context))
}

/// Everyone can read the default: `.env` sets another one.
fn password(context: &Context) -> String {
    format!("${{{}_PASSWORD:-{}-local-only}}", context.variable(), context.name)
}

fn auth(fleet: &Manifest) -> String {
    fill(
        include_str!("templates/compose-auth.yaml"),
        &[
            ("fleet", &fleet.name),
            ("contexts", &each(&fleet.contexts, |context| context_auth(fleet, context))),
            ("keys", &keys(fleet)),
        ],
    )
}

/// The keys of the contexts that call others, each in a volume of its own.
fn keys(fleet: &Manifest) -> String {
    let callers: Vec<&Context> = fleet.contexts.iter().filter(|context| !context.calls.is_empty()).collect();
    if callers.is_empty() {
        return String::new();
    }
    let calls =
        callers.iter().flat_map(|caller| caller.calls.iter().map(move |called| format!("{}:{called}", caller.name)));
    fill(
        include_str!("templates/compose-keys.yaml"),
        &[
            ("calls", &calls.collect::<Vec<_>>().join(" ")),
            ("folders", &each(&callers, |caller| format!("      - keys-{0}:/keys/{0}\n", caller.name))),
            ("volumes", &each(&callers, |caller| format!("  keys-{}:\n", caller.name))),
        ],
    )
}

fn context_auth(fleet: &Manifest, context: &Context) -> String {
    let (name, calls) = (&context.name, !context.calls.is_empty());
    let signing = calls.then(|| format!("      SERVICE_SIGNING_KEY_FILE: /keys/{name}/call-{name}.pem\n"));
    let is_called = fleet.callers_of(name).next().is_some();
    let accepted = is_called.then(|| format!("      SERVICE_PUBLIC_KEY_FILE: /keys/public/callers-{name}.pub.pem\n"));
    let own = if calls { format!(", \"keys-{name}:/keys/{name}:ro\"") } else { String::new() };
    fill(
        include_str!("templates/compose-auth-context.yaml"),
        &[
            ("name", name),
            ("own-keys", &each([signing, accepted].into_iter().flatten(), |line| line)),
            ("volumes", &format!("\"keys-public:/keys/public:ro\"{own}")),
        ],
    )
}
