//! Parts of `k8s/<fleet>` that an overlay may take: the auditor, simulators, scaling on lag; and an example of all Secrets.

use super::{
    rendered::Rendered,
    template::{VERSION, each, fill},
};
use manifest::{Check, Context, Manifest, Rank};

/// Adds the parts.
pub fn render(fleet: &Manifest, rendered: &mut Rendered) {
    let source = format!("services/{}", fleet.name);
    let mut add = |file: &str, text: &str| rendered.add(format!("k8s/{}/{file}", fleet.name), &source, text);
    if let Some(audit) = &fleet.audit {
        add(
            "audit/kustomization.yaml",
            &fill(include_str!("templates/audit-kustomization.yaml"), &[("fleet", &fleet.name)]),
        );
        add("audit/stores.yaml", &audited_stores(fleet, audit));
    }
    add_simulators(fleet, &mut add);
    add("secrets.example.yaml", &secrets(fleet));
    let lagging: Vec<&Context> = fleet.contexts.iter().filter(|context| context.kubernetes.scale_on_lag).collect();
    if !lagging.is_empty() {
        add("components/lag/kustomization.yaml", &lag(&lagging));
    }
    for context in lagging {
        add(&format!("components/lag/{}.yaml", context.name), &scaled(fleet, context));
    }
}

/// The name of the role and of the database of a context.
pub fn store_name(context: &Context) -> String {
    context.name.replace('-', "_")
}

/// The component that replaces contexts by those with simulated external systems.
fn add_simulators(fleet: &Manifest, add: &mut impl FnMut(&str, &str)) {
    let simulated = fleet.contexts.iter().filter_map(|context| Some((context, context.simulator.as_deref()?)));
    let simulated: Vec<(&Context, &str)> = simulated.collect();
    if simulated.is_empty() {
        return;
    }
    let images = each(&simulated, |(context, simulator)| {
        format!("  - name: flotilla/{}\n    newName: flotilla/{simulator}\n", context.binary())
    });
    let settings = each(&simulated, |(Context { name, .. }, _)| {
        fill(include_str!("templates/simulator-settings.yaml"), &[("name", name)])
    });
    let patches = each(&simulated, |(Context { name, .. }, _)| format!("  - path: {name}.yaml\n"));
    let values = [("images", images.as_str()), ("settings", &settings), ("patches", &patches)];
    add(
        "components/simulator/kustomization.yaml",
        &fill(include_str!("templates/simulator-kustomization.yaml"), &values),
    );
    for (context, _) in simulated {
        let values = [("name", context.name.as_str()), ("variable", &context.variable())];
        let text = fill(include_str!("templates/simulator-context.yaml"), &values);
        add(&format!("components/simulator/{}.yaml", context.name), &text);
    }
}

fn audited_stores(fleet: &Manifest, audit: &Check) -> String {
    let stores = each(&fleet.contexts, |context| {
        let values = [("variable", context.variable()), ("name", context.name.clone())];
        fill(
            include_str!("templates/audit-store.yaml"),
            &values.each_ref().map(|(name, value)| (*name, value.as_str())),
        )
    });
    let values = [("binary", audit.binary.as_str()), ("version", VERSION), ("stores", &stores)];
    fill(include_str!("templates/audit-stores.yaml"), &values)
}

fn secrets(fleet: &Manifest) -> String {
    let with = |text: &str, context: &Context| {
        fill(text, &[("fleet", &fleet.name), ("name", &context.name), ("store", &store_name(context))])
    };
    let callers = fleet.contexts.iter().filter(|context| !context.calls.is_empty());
    let called = fleet.contexts.iter().filter(|context| fleet.callers_of(&context.name).next().is_some());
    fill(
        include_str!("templates/secrets.example.yaml"),
        &[
            ("fleet", &fleet.name),
            ("stores", &each(&fleet.contexts, |context| with(include_str!("templates/secrets-store.yaml"), context))),
            ("callers", &each(callers, |context| with(include_str!("templates/secrets-caller.yaml"), context))),
            ("called", &each(called, |context| with(include_str!("templates/secrets-called.yaml"), context))),
        ],
    )
}

fn lag(contexts: &[&Context]) -> String {
    let names: Vec<&str> = contexts.iter().map(|context| context.name.as_str()).collect();
    let resources = each(&names, |name| format!("  - {name}.yaml\n"));
    let values = [("names", names.join(" and ")), ("pattern", names.join("|")), ("resources", resources)];
    fill(
        include_str!("templates/lag-kustomization.yaml"),
        &values.each_ref().map(|(name, value)| (*name, value.as_str())),
    )
}

fn scaled(fleet: &Manifest, context: &Context) -> String {
    // One replica of a core context may be lost while another one is replaced.
    let default = if context.rank == Rank::Core { 3 } else { 2 };
    let replicas = context.kubernetes.min_replicas.unwrap_or(default).to_string();
    fill(
        include_str!("templates/lag-context.yaml"),
        &[("name", &context.name), ("fleet", &fleet.name), ("replicas", &replicas)],
    )
}
