//! What a fleet declares in its `bench.toml`.
//!
//! Texts have the placeholder `{id}`: the number of a case. SQL has `$1`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use flotilla::template;
use serde::Deserialize;

/// The file, beside `fleet.toml`.
const FILE: &str = "bench.toml";

/// The declaration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// The load of the part `requests`.
    pub load: Load,
    /// A case of the business, for the parts `visible` and `lookups`.
    pub case: Case,
    /// A long list, for the part `lists`.
    pub list: LongList,
    /// Consumers that are behind, for the part `catch-up`.
    pub catch_up: Vec<CatchUp>,
}

/// A request that siege repeats without a change, so each must establish something new.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// What the requests establish, in the plural.
    pub established: String,
    /// The request.
    pub request: Request,
    /// The context whose topic gets one event for each established one.
    pub topic: String,
    /// The transactions that one request needs. The rate at which `PostgreSQL` alone commits them is the limit.
    pub transactions: Vec<Transaction>,
}

/// A POST through the gateway with a JSON body.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The path.
    pub path: String,
    /// The body.
    pub body: String,
}

/// A transaction: one change, and the event that it publishes, if any.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    /// The context in whose store it is committed.
    pub context: String,
    /// An INSERT or UPDATE of one row. `$1` is the id.
    pub change: String,
    /// The event, of this context.
    pub event: Option<Event>,
}

/// An event. Its key is the id.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The event type.
    pub kind: String,
    /// The JSON data.
    pub data: String,
}

/// A case: the requests that lead to it, and where it can be seen.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What the requests establish, in the plural.
    pub established: String,
    /// Requests that come before, in this order. They are not measured.
    #[serde(default)]
    pub prepare: Vec<Request>,
    /// The measured request. Its response is 201.
    pub establish: Request,
    /// The path of the view of the case.
    pub view: String,
    /// JSON pointers of the fields that are not null once the view has all events of the request.
    pub shown_by: Vec<String>,
    /// The case in the context that owns it.
    pub item: Item,
}

/// An item of a context.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// The context.
    pub context: String,
    /// The path of the item, which is the same at the gateway.
    pub path: String,
}

/// A list of a context.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongList {
    /// The context.
    pub context: String,
    /// The path of the list.
    pub path: String,
    /// The SQL that fills the store with `$1` items, whose ids are 1, 2, … in the order of the list.
    pub fill: String,
}

/// A consumer that is behind, and applies every one of these events.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatchUp {
    /// The context.
    pub context: String,
    /// The SQL that fills its store with `$1` cases, as they were before the events.
    #[serde(default)]
    pub fill: Vec<String>,
    /// The events of one case.
    pub events: Vec<PublishedEvent>,
}

/// An event in a topic.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedEvent {
    /// The context that publishes it.
    pub from: String,
    /// The event type.
    pub kind: String,
    /// The JSON data.
    pub data: String,
}

impl Declaration {
    /// Reads the file beside the manifest of the fleet.
    pub fn beside(manifest: &Path) -> Result<Self> {
        let path = manifest.with_file_name(FILE);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        toml::from_str(&text).with_context(|| path.display().to_string())
    }
}

impl CatchUp {
    /// The event types, for people.
    pub fn kinds(&self) -> String {
        self.events.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>().join(" and ")
    }
}

/// Replaces `{id}`.
pub fn with_id(text: &str, id: i64) -> String {
    template::fill(text, |name| (name == "id").then(|| id.to_string()))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use flotilla::fleets;

    use super::*;

    #[test]
    fn every_fleet_that_declares_a_bench_names_its_own_contexts() {
        let services = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../services");
        let manifests = fs::read_dir(services).unwrap().map(|entry| entry.unwrap().path().join("fleet.toml"));
        let declared: Vec<PathBuf> = manifests.filter(|path| path.with_file_name(FILE).is_file()).collect();
        assert!(!declared.is_empty());
        for manifest in declared {
            let declaration = Declaration::beside(&manifest).unwrap();
            let fleet = fleets::find(manifest.to_str(), None).unwrap().manifest;
            let published = declaration.catch_up.iter().flat_map(|each| each.events.iter().map(|event| &event.from));
            let of_load = declaration.load.transactions.iter().map(|transaction| &transaction.context);
            let of_catch_up = declaration.catch_up.iter().map(|each| &each.context);
            let others = [&declaration.load.topic, &declaration.case.item.context, &declaration.list.context];
            for name in published.chain(of_load).chain(of_catch_up).chain(others) {
                assert!(fleet.context(name).is_some(), "{}: {name}", manifest.display());
            }
            assert!(declaration.catch_up.iter().all(|each| !each.events.is_empty()));
        }
    }

    #[test]
    fn the_id_is_replaced_and_other_braces_stay() {
        assert_eq!(with_id(r#"{"id":{id},"of":{}}"#, 7), r#"{"id":7,"of":{}}"#);
    }
}
