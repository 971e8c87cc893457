//! `k8s/<fleet>/base`: each context, the addresses for the gateway, the network policies and the allowed connections.

use super::{
    gateway,
    rendered::Rendered,
    template::{VERSION, each, fill},
};
use manifest::{Context, GATEWAY, Manifest};

/// Adds the folder `base`.
pub fn render(fleet: &Manifest, rendered: &mut Rendered) {
    let source = format!("services/{}", fleet.name);
    let mut add = |file: &str, text: &str| rendered.add(format!("k8s/{}/base/{file}", fleet.name), &source, text);
    let calls = each(&fleet.contexts, policies);
    add("kustomization.yaml", &kustomization(fleet, !calls.is_empty()));
    add("namespace.yaml", &fill(include_str!("templates/namespace.yaml"), &[("fleet", &fleet.name)]));
    if !calls.is_empty() {
        add("network.yaml", &format!("# The calls between contexts.\n{}", calls.trim_end_matches("---\n")));
    }
    add("edges.txt", &edges(fleet));
    add("gateway/kustomization.yaml", &addresses(fleet));
    for context in &fleet.contexts {
        let source = format!("services/{}/{}/context.toml", fleet.name, context.name);
        let mut add = |file, text: &str| {
            rendered.add(format!("k8s/{}/base/{}/{file}", fleet.name, context.name), &source, text);
        };
        add("kustomization.yaml", &context_kustomization(context));
        add("own.yaml", &own(context));
    }
}

/// The text with `{name}` as the address of that service, on Kubernetes and in Compose.
pub fn addressed(text: &str) -> String {
    manifest::template::fill(text, |name| Some(format!("http://{name}:8080")))
}

fn kustomization(fleet: &Manifest, has_calls: bool) -> String {
    let contexts = fleet.contexts.iter().map(|context| context.name.as_str());
    let routes = format!("../../../services/{}", fleet.name);
    let network = has_calls.then_some("network.yaml");
    let all =
        ["namespace.yaml"].into_iter().chain(contexts).chain([GATEWAY, &routes, "../../base/network"]).chain(network);
    let resources = each(all, |resource| format!("  - {resource}\n"));
    fill(include_str!("templates/base-kustomization.yaml"), &[("fleet", &fleet.name), ("resources", &resources)])
}

fn addresses(fleet: &Manifest) -> String {
    let upstreams = each(gateway::upstreams(fleet), |context| {
        format!("      - UPSTREAM_{}=http://{}:8080\n", context.variable(), context.name)
    });
    fill(include_str!("templates/gateway-kustomization.yaml"), &[("upstreams", &upstreams)])
}

fn context_kustomization(context: &Context) -> String {
    let about = if context.about.is_empty() { String::new() } else { format!(": {}", context.about) };
    let values = [("name", context.name.as_str()), ("rank", &context.rank.to_string()), ("about", &about)];
    fill(include_str!("templates/context-kustomization.yaml"), &values)
}

fn own(context: &Context) -> String {
    let env = each(&context.env, |(name, value)| {
        format!("            - name: {name}\n              value: {:?}\n", addressed(value))
    });
    fill(
        include_str!("templates/context-own.yaml"),
        &[
            ("name", &context.name),
            ("rank", &context.rank.to_string()),
            ("binary", context.binary()),
            ("version", VERSION),
            ("own-env", &env),
            ("limits", &limits(context)),
            ("replicas", &replicas(context)),
        ],
    )
}

fn limits(context: &Context) -> String {
    let (cpu, memory) = (context.kubernetes.cpu.as_ref(), context.kubernetes.memory.as_ref());
    let limits = [("cpu", cpu), ("memory", memory)].into_iter().filter_map(|(name, limit)| Some((name, limit?)));
    let limits = each(limits, |(name, limit)| format!("              {name}: {limit:?}\n"));
    if limits.is_empty() { limits } else { format!("          resources:\n            limits:\n{limits}") }
}

fn replicas(context: &Context) -> String {
    let (min, max) = (context.kubernetes.min_replicas, context.kubernetes.max_replicas);
    let both =
        [("minReplicas", min), ("maxReplicas", max)].into_iter().filter_map(|(name, count)| Some((name, count?)));
    each(both, |(name, count)| format!("  {name}: {count}\n"))
}

/// The policies of the calls of one context.
fn policies(caller: &Context) -> String {
    each(&caller.calls, |called| {
        let text = fill(include_str!("templates/network.yaml"), &[("caller", &caller.name), ("called", called)]);
        format!("{text}---\n")
    })
}

/// The allowed connections among the services; an overlay lists the others.
fn edges(fleet: &Manifest) -> String {
    let gateway = fleet.contexts.iter().map(|context| format!("{GATEWAY} {} 8080\n", context.name));
    let calls = fleet
        .contexts
        .iter()
        .flat_map(|caller| caller.calls.iter().map(move |called| format!("{} {called} 8080\n", caller.name)));
    gateway.chain(calls).collect()
}
