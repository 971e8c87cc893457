//! What the visit context tells the world.

use events::EventSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event of the visit context. Its correlation id is the match id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, EventSet)]
#[events(context = "visit", key = "match_id")]
pub enum VisitEvent {
    /// A tutor will come.
    VisitAssigned(VisitAssigned),
    /// The tutor will not come.
    VisitCanceled(VisitCanceled),
}

/// A tutor will come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VisitAssigned {
    /// The match that the visit is for.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub match_id: i64,
    /// The attempt at this match; greater numbers are later attempts.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub attempt: i64,
    /// The tutor's name.
    #[serde(with = "events::fields::text")]
    #[schemars(schema_with = "events::fields::text::schema")]
    pub teacher: String,
    /// The day, such as `2021-01-21`.
    #[serde(with = "events::fields::date")]
    #[schemars(schema_with = "events::fields::date::schema")]
    pub visit_date: String,
    /// The id of the tutor: the owner of the visit. Absent if authentication is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "events::fields::optional_text")]
    #[schemars(schema_with = "events::fields::optional_text::schema")]
    pub tutor: Option<String>,
}

/// The tutor will not come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VisitCanceled {
    /// The match that the visit was for.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub match_id: i64,
    /// The attempt at this match.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub attempt: i64,
}
