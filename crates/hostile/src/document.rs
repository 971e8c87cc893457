//! The operations in the `OpenAPI` document of a fleet.

use std::collections::BTreeSet;

use serde_json::Value;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// An operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operation {
    /// The method, in upper case.
    pub method: String,
    /// The path, with `{id}` if it is of one item.
    pub path: String,
    /// The documented statuses.
    pub statuses: BTreeSet<u16>,
    /// Whether it reads a body.
    pub has_body: bool,
    /// The names of its parameters.
    pub parameters: BTreeSet<String>,
}

impl Operation {
    /// All operations of a document.
    pub fn all(document: &Value) -> Vec<Self> {
        let paths = document["paths"].as_object().into_iter().flatten();
        let operations = paths.flat_map(|(path, item)| {
            METHODS.into_iter().filter_map(move |method| Some(Self::read(method, path, item.get(method)?)))
        });
        operations.collect()
    }

    fn read(method: &str, path: &str, operation: &Value) -> Self {
        let statuses = operation["responses"].as_object().into_iter().flatten();
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        Self {
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            statuses: statuses.filter_map(|(status, _)| status.parse().ok()).collect(),
            has_body: operation.get("requestBody").is_some(),
            parameters: parameters.filter_map(|parameter| parameter["name"].as_str().map(str::to_owned)).collect(),
        }
    }

    /// Whether it returns a list, in pages.
    pub fn is_list(&self) -> bool {
        self.method == "GET" && self.parameters.contains("cursor")
    }

    /// Whether it returns a live stream.
    pub fn is_stream(&self) -> bool {
        self.parameters.contains("Last-Event-ID")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_operations_of_a_document_have_their_statuses_bodies_and_parameters() {
        let document = json!({ "paths": {
            "/lifts": {
                "get": { "parameters": [{ "name": "cursor" }], "responses": { "200": {}, "400": {} } },
                "post": { "requestBody": {}, "responses": { "201": {} } },
            },
            "/lifts/{id}/events": { "get": { "parameters": [{ "name": "id" }, { "name": "Last-Event-ID" }] } },
        } });
        let operations = Operation::all(&document);
        let names: Vec<String> = operations.iter().map(|it| format!("{} {}", it.method, it.path)).collect();
        assert_eq!(names, ["GET /lifts", "POST /lifts", "GET /lifts/{id}/events"]);
        let [list, post, stream] = &operations[..] else { panic!("{names:?}") };
        assert_eq!(list.statuses, BTreeSet::from([200, 400]));
        assert!(list.is_list() && !list.has_body && !list.is_stream());
        assert!(post.has_body && !post.is_list());
        assert!(stream.is_stream() && !stream.is_list());
    }
}
