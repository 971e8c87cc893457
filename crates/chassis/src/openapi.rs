//! What a service answers over HTTP, as a document of `OpenAPI` 3.1 that is made from its handlers.
//!
//! Each handler says beside itself what it takes and gives (`#[utoipa::path]`). What holds for all of them is added here: the
//! extractors' limits, and what may go wrong anywhere. Problems in the document are real ones, as a client gets them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;
use utoipa::openapi::example::Example;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{ArrayBuilder, Components, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Content, InfoBuilder, LicenseBuilder, OpenApi, Ref, RefOr, Response};
use utoipa::{Number, PartialSchema};

use crate::problem::{FieldError, Problem};
use crate::{body, page};

const PROBLEM_JSON: &str = "application/problem+json";
const RETRY_AFTER: &str = "Retry-After";

/// Answers by status, as a handler lists them.
pub type Answers = BTreeMap<String, RefOr<Response>>;

/// The document of a service from those of its handlers.
pub fn document(service: &str, about: &str, version: &str, mut handlers: OpenApi) -> OpenApi {
    let license = LicenseBuilder::new().name("Apache-2.0 OR MIT").build();
    handlers.info =
        InfoBuilder::new().title(service).description(Some(about)).version(version).license(Some(license)).build();
    for item in handlers.paths.paths.values_mut() {
        // One handler of both: they have one name, which must be of one operation.
        if let (Some(Operation { operation_id: patch, .. }), Some(put)) = (&item.patch, &mut item.put)
            && *patch == put.operation_id
        {
            put.operation_id = put.operation_id.as_ref().map(|id| format!("{id}ByPut"));
        }
    }
    for operation in operations(&mut handlers) {
        operation.tags = Some(vec![service.to_owned()]);
        let refusals = of_extractors(operation);
        refuse(operation, refusals);
    }
    name_problems(&mut handlers);
    handlers
}

/// All operations of a document.
pub fn operations(document: &mut OpenApi) -> impl Iterator<Item = &mut Operation> {
    document.paths.paths.values_mut().flat_map(|item| {
        let PathItem { get, put, post, delete, patch, .. } = item;
        [get, put, post, delete, patch].into_iter().flatten()
    })
}

/// What the extractors refuse, and what can happen to any request.
fn of_extractors(operation: &Operation) -> Vec<Problem> {
    let later = Duration::from_secs(1);
    let mut all = vec![
        Problem::unauthorized(),
        Problem::forbidden("this is for another role"),
        Problem::internal(),
        Problem::unavailable("the store does not answer", later),
    ];
    if operation.request_body.is_some() {
        all.extend(body::refusals());
    }
    let takes = |name: &str| {
        let parameters = operation.parameters.iter().flatten();
        parameters.into_iter().any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.name == name))
    };
    all.extend(takes("id").then(body::no_such_id));
    all.extend(takes("size").then(page::no_such_size));
    all.extend(takes("cursor").then(page::no_such_cursor));
    all
}

/// The answers that these problems are: for lists of answers beside handlers, in an `IntoResponses`.
pub fn refusals(problems: impl IntoIterator<Item = Problem>) -> Answers {
    let mut answers = Answers::new();
    add(&mut answers, problems);
    answers
}

/// Says that an operation may be answered with these problems too. [`name_problems`] has to follow.
pub fn refuse(operation: &mut Operation, problems: impl IntoIterator<Item = Problem>) {
    add(&mut operation.responses.responses, problems);
}

fn add(answers: &mut Answers, problems: impl IntoIterator<Item = Problem>) {
    for problem in problems {
        let answer = answers.entry(problem.status().as_u16().to_string()).or_insert_with(|| Response::new("").into());
        let RefOr::T(answer) = answer else { continue };
        if problem.when_to_come_back().is_some() {
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

/// Gives each kind of problem in the document a schema, and each answer the schemas of the problems that it may be.
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
    components.schemas.extend(kinds.into_iter().map(|(name, examples)| (name, kind_schema(&examples))));
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1_u32));
    let retry_after =
        HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds until it is worth to ask again."));
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

/// What all problems of a kind have: RFC 9457.
fn kind_schema(examples: &[Value]) -> RefOr<Schema> {
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
    // What is always told is promised.
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

/// A whole number.
pub fn number(range: &RangeInclusive<i64>) -> ObjectBuilder {
    let bound = |bound: i64| isize::try_from(bound).ok().map(Number::Int);
    let (least, most) = (bound(*range.start()), bound(*range.end()));
    ObjectBuilder::new().schema_type(Type::Integer).minimum(least).maximum(most)
}

/// A whole number from 1 in a body, as [`Fields::whole_number`](body::Fields::whole_number) reads it: also as digits.
pub fn number_or_digits(about: &str, most: i64) -> OneOfBuilder {
    // Leading zeros and the few largest are read too: a pattern for those would tell nobody anything.
    let fewer = most.checked_ilog10().unwrap_or_default();
    let digits =
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(format!("^[1-9][0-9]{{0,{}}}$", fewer - 1)));
    OneOfBuilder::new().description(Some(about)).item(number(&(1..=most))).item(digits)
}

/// The same field, which may be null too: as if it were left out.
pub fn or_null(schema: OneOfBuilder) -> OneOfBuilder {
    schema.item(ObjectBuilder::new().schema_type(SchemaType::Type(Type::Null)))
}

/// A text that is one of these.
pub fn one_of(texts: &[&str]) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(texts.iter().copied()))
}

/// A text in a body with this pattern, as [`Fields::text`](body::Fields::text) reads it.
pub fn text_like(pattern: &str, max_chars: usize) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).max_length(Some(max_chars)).pattern(Some(pattern))
}
