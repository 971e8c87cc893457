//! `k8s/<fleet>/components/identity`: the keys of contexts that call others, and of those that are called.

use super::{
    rendered::Rendered,
    template::{each, fill},
};
use manifest::{Context, Manifest};

/// A file with keys in a container.
struct KeyFile {
    variable: &'static str,
    volume: &'static str,
    /// The folder of the file, and its name.
    folder: &'static str,
    file: &'static str,
    /// The source of the volume.
    from: String,
}

/// Adds the component.
pub fn render(fleet: &Manifest, rendered: &mut Rendered) {
    let source = format!("services/{}", fleet.name);
    let mut add = |file: &str, text: &str| {
        rendered.add(format!("k8s/{}/components/identity/{file}", fleet.name), &source, text);
    };
    let with_keys: Vec<&Context> =
        fleet.contexts.iter().filter(|context| !key_files(fleet, context).is_empty()).collect();
    let patches = each(&with_keys, |context| format!("  - path: {}.yaml\n", context.name));
    let patches = if patches.is_empty() { patches } else { format!("patches:\n{patches}") };
    add("kustomization.yaml", &fill(include_str!("templates/identity-kustomization.yaml"), &[("patches", &patches)]));
    for context in with_keys {
        add(&format!("{}.yaml", context.name), &patch(fleet, context));
    }
}

fn key_files(fleet: &Manifest, context: &Context) -> Vec<KeyFile> {
    let signing = (!context.calls.is_empty()).then(|| KeyFile {
        variable: "SERVICE_SIGNING_KEY_FILE",
        volume: "call-key",
        folder: "/etc/flotilla/call",
        file: "private.pem",
        from: format!(
            "          secret:\n            secretName: {}-call-key\n            defaultMode: 0440\n",
            context.name
        ),
    });
    let callers = fleet.callers_of(&context.name).next().map(|_| KeyFile {
        variable: "SERVICE_PUBLIC_KEY_FILE",
        volume: "caller-keys",
        folder: "/etc/flotilla/callers",
        file: "public.pem",
        from: format!("          configMap:\n            name: {}-callers\n", context.name),
    });
    [signing, callers].into_iter().flatten().collect()
}

fn patch(fleet: &Manifest, context: &Context) -> String {
    let files = key_files(fleet, context);
    let variables = each(&files, |KeyFile { variable, folder, file, .. }| {
        format!("            - name: {variable}\n              value: {folder}/{file}\n")
    });
    let mounts = each(&files, |KeyFile { volume, folder, .. }| {
        format!("            - name: {volume}\n              mountPath: {folder}\n              readOnly: true\n")
    });
    let volumes = each(&files, |KeyFile { volume, from, .. }| format!("        - name: {volume}\n{from}"));
    // The files of a Secret belong to root: this lets the process read them, and no other.
    let security = if context.calls.is_empty() { "" } else { "      securityContext:\n        fsGroup: 65532\n" };
    fill(
        include_str!("templates/identity-context.yaml"),
        &[
            ("reason", &reason(fleet, context)),
            ("name", &context.name),
            ("variables", &variables),
            ("mounts", &mounts),
            ("security", security),
            ("volumes", &volumes),
        ],
    )
}

fn reason(fleet: &Manifest, context: &Context) -> String {
    let name = &context.name;
    let signs = (!context.calls.is_empty())
        .then(|| format!("{name} calls {} on its own behalf, and signs that.", context.calls.join(" and ")));
    let callers: Vec<&str> = fleet.callers_of(name).map(|caller| caller.name.as_str()).collect();
    let accepts =
        (!callers.is_empty()).then(|| format!("Only {} may call {name} as a service.", callers.join(" and ")));
    [signs, accepts].into_iter().flatten().collect::<Vec<_>>().join(" ")
}
