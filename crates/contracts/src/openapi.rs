//! Whether clients are compatible with a changed `OpenAPI` document.
//!
//! Services are deployed before their clients change. So all requests of before must remain valid, and responses must
//! keep all their fields. New optional parameters, and new fields in responses, are compatible. Schemas are compared
//! strictly.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::compatibility::assertions;

/// The changes from `kept` to `now` that break clients, each with its operation.
pub fn breaking(kept: &Value, now: &Value) -> Vec<String> {
    let operations = operations(now);
    let broken = operations_of(kept).flat_map(|(name, operation)| match operations.get(&name) {
        Some(today) => Documents { kept, now }
            .operation(operation, today)
            .into_iter()
            .map(|why| format!("{name}: {why}"))
            .collect(),
        None => vec![format!("{name}: it is gone")],
    });
    broken.collect()
}

fn operations(document: &Value) -> BTreeMap<String, &Value> {
    operations_of(document).collect()
}

/// By names such as `GET /things/{id}`.
fn operations_of(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        let operations = item.as_object().into_iter().flatten().filter(|(_, part)| part.get("responses").is_some());
        operations.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    })
}

/// The documents in which references are resolved.
struct Documents<'a> {
    kept: &'a Value,
    now: &'a Value,
}

/// The fields of a body by path, such as `body._links.self.href`, including the body itself.
type Fields = BTreeMap<String, Field>;

#[derive(Debug, PartialEq)]
struct Field {
    /// The alternative schemas, without their fields.
    kinds: Vec<Value>,
    required: bool,
}

impl Documents<'_> {
    fn operation(&self, kept: &Value, now: &Value) -> Vec<String> {
        let mut broken = parameters(kept, now);
        broken.extend(self.request(&kept["requestBody"], &now["requestBody"]));
        for (status, answer) in kept["responses"].as_object().into_iter().flatten() {
            match now["responses"].get(status) {
                Some(today) => broken.extend(self.answer(answer, today).map(|why| format!("{status}: {why}"))),
                None => broken.push(format!("the answer {status} is gone")),
            }
        }
        broken
    }

    fn request(&self, kept: &Value, now: &Value) -> Vec<String> {
        let (before, today) = (fields(self.kept, kept), fields(self.now, now));
        let differs = before.iter().filter_map(|(place, field)| match today.get(place) {
            Some(today) if today.kinds != field.kinds => {
                Some(format!("{place} in the request: {}", changed(field, today)))
            }
            Some(_) => None,
            None => Some(format!("{place} in the request is gone")),
        });
        let demanded = today
            .iter()
            .filter(|(place, field)| field.required && !before.get(*place).is_some_and(|field| field.required));
        differs.chain(demanded.map(|(place, _)| format!("{place} is required in the request, and was not"))).collect()
    }

    fn answer(&self, kept: &Value, now: &Value) -> impl Iterator<Item = String> {
        let (kept, now) = (resolved(self.kept, kept), resolved(self.now, now));
        let (before, today) = (fields(self.kept, kept), fields(self.now, now));
        let differs = |(place, field): (String, Field)| match today.get(&place) {
            None => Some(format!("{place} in the answer is gone")),
            Some(today) if !field.kinds.iter().all(|kind| today.kinds.contains(kind)) => {
                Some(format!("{place} in the answer: {}", changed(&field, today)))
            }
            Some(today) if field.required && !today.required => {
                Some(format!("{place} in the answer was always there, and may be absent"))
            }
            Some(_) => None,
        };
        before.into_iter().filter_map(differs).collect::<Vec<_>>().into_iter()
    }
}

fn changed(before: &Field, now: &Field) -> String {
    let text = |kinds: &[Value]| kinds.iter().map(Value::to_string).collect::<Vec<_>>().join(" or ");
    format!("it was {}, now it is {}", text(&before.kinds), text(&now.kinds))
}

fn parameters(kept: &Value, now: &Value) -> Vec<String> {
    let named = |operation: &Value| -> BTreeMap<String, Value> {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        parameters
            .map(|parameter| {
                (format!("{} ({})", parameter["name"], parameter["in"]).replace('"', ""), parameter.clone())
            })
            .collect()
    };
    let (before, today) = (named(kept), named(now));
    let differs = before.iter().filter_map(|(name, parameter)| match today.get(name) {
        None => Some(format!("the parameter {name} is gone")),
        Some(today) if assertions(&today["schema"]) != assertions(&parameter["schema"]) => {
            Some(format!("the parameter {name} was {}, now it is {}", parameter["schema"], today["schema"]))
        }
        Some(_) => None,
    });
    let required = |parameter: &Value| parameter["required"] == true;
    let demanded = today.iter().filter(|(name, today)| required(today) && !before.get(*name).is_some_and(&required));
    differs.chain(demanded.map(|(name, _)| format!("the parameter {name} is required, and was not"))).collect()
}

/// The fields of a request or a response.
fn fields(document: &Value, message: &Value) -> Fields {
    let mut all = Fields::new();
    for content in message["content"].as_object().into_iter().flat_map(|content| content.values()) {
        collect(document, &content["schema"], "body".to_owned(), true, &mut all);
    }
    all
}

fn collect(document: &Value, schema: &Value, place: String, required: bool, into: &mut Fields) {
    let mut schema = resolved(document, schema).clone();
    let mut take = |keyword: &str| schema.as_object_mut().and_then(|schema| schema.remove(keyword)).unwrap_or_default();
    let (properties, needed, items) = (take("properties"), take("required"), take("items"));
    let kinds = match take("oneOf") {
        Value::Array(alternatives) => alternatives.iter().map(|part| expanded(document, part)).collect(),
        _ => vec![assertions(&schema)],
    };
    for (name, field) in properties.as_object().into_iter().flatten() {
        let required = needed.as_array().is_some_and(|needed| needed.iter().any(|needed| needed == name));
        collect(document, field, format!("{place}.{name}"), required, into);
    }
    if items.is_object() {
        collect(document, &items, format!("{place}[]"), true, into);
    }
    into.insert(place, Field { kinds, required });
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    reference.and_then(|pointer| document.pointer(pointer)).unwrap_or(schema)
}

/// The parts of a schema that affect clients, with references resolved.
fn expanded(document: &Value, schema: &Value) -> Value {
    let mut whole = resolved(document, schema).clone();
    for part in ["properties", "oneOf"]
        .into_iter()
        .filter_map(|keyword| whole.get(keyword).cloned().map(|part| (keyword, part)))
        .collect::<Vec<_>>()
    {
        whole[part.0] = match part.1 {
            Value::Object(fields) => {
                Value::Object(fields.iter().map(|(name, field)| (name.clone(), expanded(document, field))).collect())
            }
            Value::Array(parts) => parts.iter().map(|part| expanded(document, part)).collect(),
            other => other,
        };
    }
    assertions(&whole)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        let text = json!({ "type": "string" });
        let forecast = json!({
            "type": "object", "required": ["place", "wind"],
            "properties": { "place": { "type": "integer", "minimum": 1 }, "wind": { "$ref": "#/components/schemas/Wind" }, "note": text },
        });
        let asked = json!({ "type": "object", "required": ["place"], "properties": { "place": { "type": "integer" }, "note": text } });
        let problem = |kind: &str| json!({ "type": "object", "properties": { "type": { "enum": [kind] } } });
        let of = |schema: &str| json!({ "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } } } });
        let refused =
            json!({ "oneOf": [{ "$ref": "#/components/schemas/Dark" }, { "$ref": "#/components/schemas/Far" }] });
        json!({
            "paths": { "/forecasts": { "post": {
                "parameters": [{ "name": "day", "in": "query", "schema": { "type": "integer" } }],
                "requestBody": of("Asked"),
                "responses": { "201": of("Forecast"), "422": { "content": { "application/problem+json": { "schema": refused } } } },
            } } },
            "components": { "schemas": {
                "Asked": asked, "Forecast": forecast, "Dark": problem("dark"), "Far": problem("far"),
                "Wind": { "type": "object", "required": ["from"], "properties": { "from": text } },
            } },
        })
    }

    /// What is told when the value at `pointer` is another one.
    fn told(pointer: &str, other: Value) -> Vec<String> {
        let mut now = document();
        *now.pointer_mut(pointer).unwrap() = other;
        breaking(&document(), &now)
    }

    const POST: &str = "/paths/~1forecasts/post";

    fn schema(rest: &str) -> String {
        format!("/components/schemas/{rest}")
    }

    #[test]
    fn removed_parts_are_reported_with_their_path() {
        assert_eq!(told("/paths", json!({})), ["POST /forecasts: it is gone"]);
        let left = document().pointer(&format!("{POST}/responses/422")).unwrap().clone();
        assert_eq!(
            told(&format!("{POST}/responses"), json!({ "422": left })),
            ["POST /forecasts: the answer 201 is gone"]
        );
        assert_eq!(
            told(&schema("Wind/properties"), json!({})),
            ["POST /forecasts: 201: body.wind.from in the answer is gone"]
        );
        assert_eq!(
            told(&schema("Asked/properties"), json!({ "place": { "type": "integer" } })),
            ["POST /forecasts: body.note in the request is gone"]
        );
        assert_eq!(
            told(&format!("{POST}/parameters"), json!([])),
            ["POST /forecasts: the parameter day (query) is gone"]
        );
        let refused = told(
            &format!("{POST}/responses/422/content/application~1problem+json/schema/oneOf/1"),
            json!({ "$ref": "#/components/schemas/Dark" }),
        );
        assert!(
            refused.len() == 1 && refused[0].starts_with("POST /forecasts: 422: body in the answer: it was"),
            "{refused:?}"
        );
    }

    #[test]
    fn new_required_parts_are_reported() {
        assert_eq!(
            told(&schema("Asked/required"), json!(["place", "note"])),
            ["POST /forecasts: body.note is required in the request, and was not"]
        );
        let new = json!([
            { "name": "day", "in": "query", "schema": { "type": "integer" } },
            { "name": "key", "in": "header", "required": true, "schema": { "type": "string" } },
        ]);
        assert_eq!(
            told(&format!("{POST}/parameters"), new),
            ["POST /forecasts: the parameter key (header) is required, and was not"]
        );
    }

    #[test]
    fn changed_types_and_new_optional_fields_are_reported() {
        let text = json!({ "type": "string" });
        assert_eq!(
            told(&schema("Forecast/properties/place"), text.clone()),
            [
                r#"POST /forecasts: 201: body.place in the answer: it was {"minimum":1,"type":"integer"}, now it is {"type":"string"}"#
            ]
        );
        assert_eq!(
            told(&schema("Asked/properties/place"), text),
            [r#"POST /forecasts: body.place in the request: it was {"type":"integer"}, now it is {"type":"string"}"#]
        );
        assert_eq!(
            told(&schema("Forecast/required"), json!(["place"])),
            ["POST /forecasts: 201: body.wind in the answer was always there, and may be absent"]
        );
    }

    #[test]
    fn additions_are_compatible() {
        let mut now = document();
        let (text, dark) =
            (json!({ "type": "string", "description": "for people" }), json!({ "$ref": "#/components/schemas/Dark" }));
        now["paths"]["/storms"] = now["paths"]["/forecasts"].clone();
        now["paths"]["/forecasts"]["post"]["responses"]["503"] = json!({});
        let parameters = &mut now["paths"]["/forecasts"]["post"]["parameters"];
        parameters.as_array_mut().unwrap().push(json!({ "name": "hour", "in": "query" }));
        now["components"]["schemas"]["Asked"]["properties"]["why"] = text.clone();
        now["components"]["schemas"]["Forecast"]["properties"]["note"] = text.clone();
        now["components"]["schemas"]["Wind"]["properties"]["to"] = text;
        let alternatives = &mut now["paths"]["/forecasts"]["post"]["responses"]["422"]["content"]["application/problem+json"]
            ["schema"]["oneOf"];
        alternatives.as_array_mut().unwrap().push(dark);
        assert_eq!(breaking(&document(), &now), [""; 0]);
    }
}
