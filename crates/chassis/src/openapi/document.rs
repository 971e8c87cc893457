//! The document of a service, completed with what holds for all handlers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use utoipa::PartialSchema;
use utoipa::openapi::example::Example;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{ArrayBuilder, Components, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{Content, InfoBuilder, LicenseBuilder, OpenApi, Ref, RefOr, Response};

use crate::http::allowed_hosts::HostError;
use crate::http::media_types::PROBLEM_JSON;
use crate::http::problem::{FieldError, Problem};
use crate::http::{body, conditional, page, path_id};

const RETRY_AFTER: &str = "Retry-After";

/// Responses by status, as in `#[utoipa::path]`.
pub type Responses = BTreeMap<String, RefOr<Response>>;

/// Completes the document of the handlers: title, version, tags, and the problems of every request.
pub fn document(service: &str, about: &str, version: &str, mut handlers: OpenApi) -> OpenApi {
    let license = LicenseBuilder::new().name("Apache-2.0 OR MIT").build();
    handlers.info =
        InfoBuilder::new().title(service).description(Some(about)).version(version).license(Some(license)).build();
    for item in handlers.paths.paths.values_mut() {
        // A handler of both methods has one operation id, which must be unique in the document.
        if let (Some(Operation { operation_id: patch, .. }), Some(put)) = (&item.patch, &mut item.put)
            && *patch == put.operation_id
        {
            put.operation_id = put.operation_id.as_ref().map(|id| format!("{id}ByPut"));
        }
    }
    for item in handlers.paths.paths.values_mut() {
        item.get.iter_mut().for_each(document_etags);
    }
    for operation in operations(&mut handlers) {
        operation.tags = Some(vec![service.to_owned()]);
        let refusals = extractor_problems(operation);
        refuse(operation, refusals);
    }
    name_problems(&mut handlers);
    handlers
}

/// Documents the `ETag` header and the 304 of a conditional read.
fn document_etags(operation: &mut Operation) {
    if !has_parameter(operation, conditional::is_condition) {
        return;
    }
    let unchanged = Response::new("Not modified.");
    operation.responses.responses.insert("304".to_owned(), unchanged.into());
    for status in ["200", "304"] {
        if let Some(RefOr::T(answer)) = operation.responses.responses.get_mut(status) {
            answer.headers.insert(conditional::ETAG_NAME.to_owned(), conditional::etag_header().build().into());
        }
    }
}

/// Whether the operation has a parameter whose name matches.
fn has_parameter(operation: &Operation, is_wanted: impl Fn(&str) -> bool) -> bool {
    let parameters = operation.parameters.iter().flatten();
    parameters.into_iter().any(|parameter| matches!(parameter, RefOr::T(parameter) if is_wanted(&parameter.name)))
}

/// All operations of a document.
pub fn operations(document: &mut OpenApi) -> impl Iterator<Item = &mut Operation> {
    document.paths.paths.values_mut().flat_map(|item| {
        let PathItem { get, put, post, delete, patch, .. } = item;
        [get, put, post, delete, patch].into_iter().flatten()
    })
}

/// The problems of the extractors, and those of every request.
fn extractor_problems(operation: &Operation) -> Vec<Problem> {
    let later = Duration::from_secs(1);
    let mut all = vec![
        Problem::unauthorized(),
        Problem::forbidden("requires another role"),
        HostError::example().problem(),
        Problem::head_too_large(),
        Problem::internal(),
        Problem::unavailable("the store is unavailable", later),
    ];
    if operation.request_body.is_some() {
        all.extend(body::problems());
    }
    all.extend(has_parameter(operation, conditional::is_condition).then(conditional::changed_since));
    let has_parameter = |wanted: &str| has_parameter(operation, |name| name == wanted);
    all.extend(has_parameter("id").then(path_id::invalid_id::<i64>));
    all.extend(has_parameter("size").then(page::invalid_size));
    all.extend(has_parameter("cursor").then(page::invalid_cursor));
    all
}

/// The responses of these problems, for implementations of `IntoResponses`.
pub fn refusals(problems: impl IntoIterator<Item = Problem>) -> Responses {
    let mut answers = Responses::new();
    add_problems(&mut answers, problems);
    answers
}

/// Adds these problems to the responses of an operation. Call [`name_problems`] afterwards.
pub fn refuse(operation: &mut Operation, problems: impl IntoIterator<Item = Problem>) {
    add_problems(&mut operation.responses.responses, problems);
}

fn add_problems(answers: &mut Responses, problems: impl IntoIterator<Item = Problem>) {
    for problem in problems {
        let answer = answers.entry(problem.status().as_u16().to_string()).or_insert_with(|| Response::new("").into());
        let RefOr::T(answer) = answer else { continue };
        if problem.retry_delay().is_some() {
            answer.headers.insert(RETRY_AFTER.to_owned(), RefOr::Ref(Ref::new("#/components/headers/RetryAfter")));
        }
        let content = answer.content.entry(PROBLEM_JSON.to_owned()).or_insert_with(|| Content::default().into());
        let RefOr::T(content) = content else { continue };
        let document = problem.document();
        if content.examples.values().any(|known| value(known) == Some(&document)) {
            continue;
        }
        let free = (1..)
            .map(|number| if number == 1 { problem.kind().to_owned() } else { format!("{}-{number}", problem.kind()) });
        let name = free.into_iter().find(|name| !content.examples.contains_key(name)).unwrap_or_default();
        let mut example = Example::new();
        example.value = Some(document);
        content.examples.insert(name, example.into());
    }
}

/// Adds a schema per kind of problem, and refers to these schemas in the responses.
pub fn name_problems(document: &mut OpenApi) {
    let mut kinds: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for operation in operations(document) {
        for answer in operation.responses.responses.values_mut() {
            let RefOr::T(answer) = answer else { continue };
            let Some(RefOr::T(content)) = answer.content.get_mut(PROBLEM_JSON) else { continue };
            let examples: Vec<&Value> = content.examples.values().filter_map(value).collect();
            answer.description = titles(&examples);
            let named: BTreeSet<String> = examples.iter().map(|example| schema_name(example)).collect();
            for example in examples {
                kinds.entry(schema_name(example)).or_default().push(example.clone());
            }
            content.schema = Some(any_of(&named));
        }
    }
    let components = document.components.get_or_insert_with(Components::new);
    components.schemas.extend(kinds.into_iter().map(|(name, examples)| (name, problem_schema(&examples))));
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1_u32));
    let retry_after =
        HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds until a retry makes sense."));
    components.headers.insert("RetryAfter".to_owned(), retry_after.build().into());
}

fn value(example: &RefOr<Example>) -> Option<&Value> {
    match example {
        RefOr::T(example) => example.value.as_ref(),
        RefOr::Ref(_) => None,
    }
}

fn text<'a>(problem: &'a Value, member: &str) -> &'a str {
    problem[member].as_str().unwrap_or_default()
}

fn titles(examples: &[&Value]) -> String {
    let titles: BTreeSet<&str> = examples.iter().map(|example| text(example, "title")).collect();
    Vec::from_iter(titles).join(". Or: ") + "."
}

/// `NotFoundProblem` of `urn:flotilla:problem:not-found`.
fn schema_name(problem: &Value) -> String {
    let kind = text(problem, "type").rsplit(':').next().unwrap_or_default();
    let words = kind.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_uppercase() + rest
    });
    words.collect::<String>() + "Problem"
}

fn any_of(schemas: &BTreeSet<String>) -> RefOr<Schema> {
    let mut references = schemas.iter().map(|name| Ref::from_schema_name(name.as_str()));
    match (references.next(), references.len()) {
        (Some(only), 0) => only.into(),
        (first, _) => first.into_iter().chain(references).fold(OneOfBuilder::new(), OneOfBuilder::item).into(),
    }
}

/// The schema of a kind of problem: RFC 9457.
fn problem_schema(examples: &[Value]) -> RefOr<Schema> {
    let first = examples.first().unwrap_or(&Value::Null);
    let always =
        |kind: Type, member: &str| ObjectBuilder::new().schema_type(kind).enum_values(Some([first[member].clone()]));
    let detail = string("What is wrong this time, for people.");
    let mut schema = ObjectBuilder::new()
        .property("type", always(Type::String, "type").description(Some("The kind of problem, for programs.")))
        .property("title", always(Type::String, "title").description(Some("The kind of problem, for people.")))
        .property("status", always(Type::Integer, "status").description(Some("The status of the answer.")))
        .property("detail", detail)
        .description(Some(text(first, "title")));
    for member in ["type", "title", "status"] {
        schema = schema.required(member);
    }
    // A member that every example has is required.
    if examples.iter().all(|example| example.get("detail").is_some()) {
        schema = schema.required("detail");
    }
    if examples.iter().any(|example| example.get("errors").is_some()) {
        let errors = ArrayBuilder::new().items(FieldError::schema()).min_items(Some(1));
        schema =
            schema.property("errors", errors.description(Some("The fields that broke a rule."))).required("errors");
    }
    schema.into()
}

fn string(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description))
}
