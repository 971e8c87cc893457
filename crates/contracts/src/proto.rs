//! Whether clients are compatible with a changed .proto file.

use std::collections::BTreeMap;

use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet, ServiceDescriptorProto,
};

/// The changes from `kept` to `now` that break clients, one per line. Additions are compatible.
///
/// Names count as well as numbers: generated code and the JSON form of messages use them.
pub fn breaking(kept: &FileDescriptorSet, now: &FileDescriptorSet) -> Vec<String> {
    let now = promises(now);
    let broken = |(what, kept): (&String, &String)| match now.get(what) {
        None => Some(format!("{what} ({kept}) is gone")),
        Some(now) => (now != kept).then(|| format!("{what} was ({kept}) and is ({now})")),
    };
    promises(kept).iter().filter_map(broken).collect()
}

/// Everything that clients depend on: by identifier, its description.
fn promises(set: &FileDescriptorSet) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for file in &set.file {
        of_types(file.package(), &file.message_type, &file.enum_type, &mut all);
        for service in &file.service {
            of_service(&format!("{}.{}", file.package(), service.name()), service, &mut all);
        }
    }
    all
}

fn of_types(
    scope: &str,
    messages: &[DescriptorProto],
    enums: &[EnumDescriptorProto],
    all: &mut BTreeMap<String, String>,
) {
    for message in messages {
        let name = format!("{scope}.{}", message.name());
        of_types(&name, &message.nested_type, &message.enum_type, all);
        all.extend(message.field.iter().map(|field| (format!("{name}, field {}", field.number()), described(field))));
        all.insert(name, "message".to_owned());
    }
    for one in enums {
        let name = format!("{scope}.{}", one.name());
        all.extend(
            one.value.iter().map(|value| (format!("{name}, value {}", value.number()), value.name().to_owned())),
        );
        all.insert(name, "enum".to_owned());
    }
}

/// Describes a field, including whether it is `optional` or in a `oneof`.
fn described(field: &FieldDescriptorProto) -> String {
    let label = field.label().as_str_name();
    let kind = field.type_name.as_deref().unwrap_or_else(|| field.r#type().as_str_name());
    let presence = if field.proto3_optional() {
        "optional"
    } else if field.oneof_index.is_some() {
        "in a oneof"
    } else {
        "plain"
    };
    format!("{}: {label} {kind}, {presence}", field.name())
}

fn of_service(name: &str, service: &ServiceDescriptorProto, all: &mut BTreeMap<String, String>) {
    let stream = |streamed: bool| if streamed { "stream " } else { "" };
    for method in &service.method {
        let (takes, gives) = (stream(method.client_streaming()), stream(method.server_streaming()));
        let described = format!("{takes}{} returns {gives}{}", method.input_type(), method.output_type());
        all.insert(format!("{name}/{}", method.name()), described);
    }
    all.insert(name.to_owned(), "service".to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: &str = "syntax = \"proto3\"; package weather.v1;
        service Station { rpc Ask(RecordPosition) returns (Report); rpc Follow(RecordPosition) returns (stream Report); }
        message RecordPosition { string name = 1; optional int64 height = 2; }
        message Report { Sky sky = 1; enum Sky { CLEAR = 0; RAIN = 1; } }";

    fn compiled(text: &str) -> FileDescriptorSet {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("weather.proto"), text).unwrap();
        protox::compile(["weather.proto"], [place.path()]).unwrap()
    }

    #[test]
    fn removed_renumbered_retyped_or_renamed_elements_break_clients_and_are_named() {
        for (from, to, told) in [
            ("rpc Ask(RecordPosition) returns (Report);", "", "Station/Ask"),
            (
                "(stream Report)",
                "(Report)",
                "returns stream .weather.v1.Report) and is (.weather.v1.RecordPosition returns .weather",
            ),
            ("rpc Ask(RecordPosition)", "rpc Ask(Report)", "Station/Ask was"),
            ("string name = 1;", "", "weather.v1.RecordPosition, field 1"),
            ("string name = 1", "string name = 3", "weather.v1.RecordPosition, field 1"),
            ("string name = 1", "bytes name = 1", "TYPE_STRING"),
            ("string name = 1", "string title = 1", "is (title: "),
            ("string name = 1", "repeated string name = 1", "LABEL_REPEATED"),
            ("optional int64", "int64", "optional) and is"),
            ("RAIN = 1;", "", "weather.v1.Report.Sky, value 1 (RAIN) is gone"),
            ("RAIN = 1;", "SNOW = 1;", "was (RAIN) and is (SNOW)"),
            ("package weather.v1", "package weather.v2", "weather.v1.Station (service) is gone"),
        ] {
            assert!(KEPT.contains(from), "{from}");
            let broken = breaking(&compiled(KEPT), &compiled(&KEPT.replacen(from, to, 1)));
            assert!(broken.iter().any(|line| line.contains(told)), "{from} → {to}: {broken:?}");
        }
    }

    #[test]
    fn additions_are_compatible() {
        let more = KEPT
            .replace("RAIN = 1;", "RAIN = 1; SNOW = 2;")
            .replace("string name = 1;", "string name = 1; string country = 3;")
            .replace("rpc Ask", "rpc Forget(RecordPosition) returns (RecordPosition); rpc Ask");
        assert_eq!(breaking(&compiled(KEPT), &compiled(&more)), [""; 0]);
    }
}
