mod change;
mod deletion;
mod request;
mod route;
mod streams;

use std::fmt::{self, Display};
use std::marker::PhantomData;

use ambient::Subject;
use axum::Json;
use axum::extract::{FromRef, State};
use axum::handler::Handler;
use axum::http::header::LOCATION;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use chassis::body::Id;
use chassis::conditional::{Conditions, Tagged, changed_since};
use chassis::openapi::{self, Responses, required, text};
use chassis::page::{Page, PageRequest};
use chassis::problem::Problem;
use chassis::{Principal, Scope, Tenancy};
use store::Row;
use utoipa::openapi::link::{Link, LinkBuilder};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, Paths};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{Object, ObjectBuilder};
use utoipa::openapi::{ContentBuilder, HeaderBuilder, Ref, Required, ResponseBuilder};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;

pub use self::change::Change;
pub use self::deletion::Deletion;
pub use self::request::RequestDocument;
pub use self::route::{Route, command, outcome_or};
use crate::document::{Document, not_found, properties_in};
use crate::live::prefer::PreferredWait;
use crate::representation::{KeyOf, Representation, StateOf, Totals};
use crate::{List, Live, Repository, live, store_problem};

/// The roles that see rows.
#[derive(Debug, Clone, Copy)]
pub enum Visibility {
    /// A role sees the rows that it owns, another one sees all.
    Owned {
        /// Sees the rows that it owns.
        own: &'static str,
        /// Sees all rows.
        all: &'static str,
    },
    /// A role sees the rows that it owns, another one those of its tenant, a third one all.
    Tenants(Tenancy),
    /// Each of these roles sees all rows.
    Shared(&'static [&'static str]),
}

/// The routes of rows, with their `OpenAPI` document.
pub struct Resource<B, S> {
    visibility: Visibility,
    router: OpenApiRouter<S>,
    document: PhantomData<fn() -> B>,
}

impl Visibility {
    /// The rows that a caller sees. 403 without any of the roles.
    pub fn scope(self, principal: Principal) -> Result<Scope, Problem> {
        match self {
            Self::Owned { own, all } => principal.scope(own, all),
            Self::Tenants(tenancy) => principal.tenant_scope(tenancy),
            Self::Shared(roles) => principal.require_any_role(roles).map(|()| Scope::All),
        }
    }

    /// The caller, in the role that owns rows. `None`: authentication is disabled, or rows have no owner. 403 without the
    /// role.
    pub fn owner(self, principal: Principal) -> Result<Option<Subject>, Problem> {
        match self {
            Self::Owned { own, .. } | Self::Tenants(Tenancy { own, .. }) => principal.require_subject(own),
            Self::Shared(roles) => principal.require_any_role(roles).map(|()| None),
        }
    }
}

impl Display for Visibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owned { own, all } => write!(f, "The role {own} sees its own, the role {all} all."),
            Self::Tenants(Tenancy { own, member, claim, all }) => write!(
                f,
                "The role {own} sees its own, the role {member} those of the {claim} in its token, the role {all} all."
            ),
            Self::Shared(roles) => write!(f, "For the roles {}.", roles.join(", ")),
        }
    }
}

impl<B: Representation, S: Clone + Send + Sync + 'static> Resource<B, S> {
    /// Without routes yet.
    pub fn new(visibility: Visibility) -> Self {
        Self { visibility, router: OpenApiRouter::default(), document: PhantomData }
    }

    /// The routes.
    pub fn into_router(self) -> OpenApiRouter<S> {
        self.router
    }

    /// `GET` of the list: a page of the rows that the caller sees. `about` describes it in one sentence. The parameters of
    /// the list are in the document, and the links of a page keep those that were given.
    #[must_use]
    pub fn list<const N: usize>(self, about: &str, list: List<N>) -> Self
    where
        Repository<B::Row>: FromRef<S>,
    {
        let visibility = self.visibility;
        let handler = async move |State(rows): State<Repository<B::Row>>,
                                  principal: Principal,
                                  uri: Uri,
                                  request: PageRequest<N>| {
            let scope = visibility.scope(principal)?;
            let filters = list.given(&uri)?;
            let (states, next) = rows.filtered_page(&list, &scope, &filters, &request).await.map_err(store_problem)?;
            let documents = states.iter().filter_map(Document::<B>::of).collect();
            let given: Vec<_> = filters.iter().map(|(filter, value)| (filter.parameter, *value)).collect();
            let page = Page::<Document<B>>::filtered(documents, &request, &given, next);
            let Some(Totals { column, .. }) = B::TOTALS.filter(|_| !filters.is_empty()) else { return Ok(Json(page)) };
            let totals = rows.totals(&list, column, &scope, &filters).await.map_err(store_problem)?;
            Ok::<_, Problem>(Json(page.with_totals(&totals)))
        };
        let operation = self
            .operation(&format!("list{}", B::plural()), about, list_parameters(&list))
            .response("200", json::<Page<Document<B>>>("A page."));
        let invalid = list.filters().iter().map(|filter| filter.values.invalid(filter.parameter));
        let operation = add_responses(operation, openapi::refusals(invalid));
        self.route(B::PATH, HttpMethod::Get, operation, get(handler), schemas::<Page<Document<B>>>())
    }

    /// `GET` of one row.
    #[must_use]
    pub fn show(self, about: &str) -> Self
    where
        Repository<B::Row>: FromRef<S>,
    {
        let visibility = self.visibility;
        let handler = async move |State(rows): State<Repository<B::Row>>,
                                  principal: Principal,
                                  Id(id): Id<KeyOf<B>>,
                                  conditions: Conditions| {
            let scope = visibility.scope(principal)?;
            let state = rows.find(&id, &scope).await.map_err(store_problem)?;
            conditions.show(&state.as_ref().and_then(Document::<B>::of).ok_or_else(|| not_found::<B>(&id))?)
        };
        let operation = self
            .operation(&format!("show{}", B::NAME), about, show_parameters::<B>())
            .response("200", json::<Document<B>>("The resource."));
        self.route(&one::<B>(""), HttpMethod::Get, operation, get(handler), schemas::<Document<B>>())
    }

    /// `GET` of one row, which waits for it with `Prefer: wait=N`.
    #[must_use]
    pub fn show_or_wait(self, about: &str) -> Self
    where
        Live<B::Row>: FromRef<S>,
    {
        let visibility = self.visibility;
        let handler = async move |State(live): State<Live<B::Row>>,
                                  principal: Principal,
                                  Id(id): Id<KeyOf<B>>,
                                  conditions: Conditions,
                                  PreferredWait(wait): PreferredWait| {
            let scope = visibility.scope(principal)?;
            let (applied, state) = live.find_or_wait(&id, &scope, wait).await.map_err(store_problem)?;
            let document = state.as_ref().and_then(Document::<B>::of).ok_or_else(|| not_found::<B>(&id));
            let answer = document.and_then(|document| conditions.show(&document));
            Ok::<_, Problem>((applied.map(live::prefer::applied), answer).into_response())
        };
        let response =
            json::<Document<B>>("The resource.").header(live::prefer::APPLIED, live::prefer::applied_header());
        let parameters = show_parameters::<B>().into_iter().chain([live::prefer::parameter()]);
        let operation = self.operation(&format!("show{}", B::NAME), about, parameters);
        let operation = operation.description(Some(live::prefer::DESCRIPTION)).response("200", response);
        self.route(&one::<B>(""), HttpMethod::Get, operation, get(handler), schemas::<Document<B>>())
    }

    /// `POST` to the list: a command. `request` is the schema of its body, `responses` are those of the command itself.
    #[must_use]
    pub fn post<H, T>(self, id: &str, about: &str, request: ObjectBuilder, responses: Responses, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let operation = operation_of(id, about, required(request), responses);
        self.route(B::PATH, HttpMethod::Post, operation, post(handler), schemas::<Document<B>>())
    }

    /// A command about one row, for a method without a usual form, by a handler of its own. `request` is the schema of its
    /// body, if it has one.
    #[must_use]
    pub fn command_on(
        self,
        method: HttpMethod,
        (id, about): (&str, &str),
        request: Option<ObjectBuilder>,
        responses: Responses,
        handler: MethodRouter<S>,
    ) -> Self {
        let operation = match request {
            Some(request) => operation_of(id, about, required(request), responses),
            None => add_responses(OperationBuilder::new().operation_id(Some(id)).summary(Some(about)), responses),
        };
        let operation = operation.parameters(Some(Id::<KeyOf<B>>::into_params(|| None)));
        self.route(&one::<B>(""), method, operation, handler, schemas::<Document<B>>())
    }

    fn operation(&self, id: &str, about: &str, parameters: impl IntoIterator<Item = Parameter>) -> OperationBuilder {
        let summary = format!("{about} {}", self.visibility);
        OperationBuilder::new().operation_id(Some(id)).summary(Some(summary)).parameters(Some(parameters))
    }

    fn route(
        self,
        path: &str,
        method: HttpMethod,
        operation: OperationBuilder,
        handler: MethodRouter<S>,
        schemas: Schemas,
    ) -> Self {
        self.routes(path, vec![method], operation, handler, schemas)
    }

    fn routes(
        mut self,
        path: &str,
        methods: Vec<HttpMethod>,
        operation: OperationBuilder,
        handler: MethodRouter<S>,
        schemas: Schemas,
    ) -> Self {
        self.router = self.router.merge(routes(path, methods, operation, handler, schemas));
        self
    }
}

fn operation_of(id: &str, about: &str, request: Object, responses: Responses) -> OperationBuilder {
    let content = ContentBuilder::new().schema(Some(request)).build();
    let body = RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True));
    let operation = OperationBuilder::new().operation_id(Some(id)).summary(Some(about));
    add_responses(operation.request_body(Some(body.build())), responses)
}

fn add_responses(operation: OperationBuilder, responses: Responses) -> OperationBuilder {
    responses.into_iter().fold(operation, |all, (status, response)| all.response(status, response))
}

fn routes<S: Clone + Send + Sync + 'static>(
    path: &str,
    methods: Vec<HttpMethod>,
    operation: OperationBuilder,
    handler: MethodRouter<S>,
    schemas: Schemas,
) -> OpenApiRouter<S> {
    let mut paths = Paths::new();
    paths.add_path_operation(path, methods, operation);
    OpenApiRouter::default().routes((schemas, paths, handler))
}

/// The response to the creation of a document: 201 with its location and its entity tag. 404 if a row has no document.
pub fn created<B: Representation>(state: &<B::Row as Row>::State) -> Result<Response, Problem> {
    let document = Document::<B>::of(state).ok_or_else(|| Problem::not_found(format!("there is no {}", B::TITLE)))?;
    let location = [(LOCATION, document.path())];
    Ok((StatusCode::CREATED, location, Tagged::new(&document)?).into_response())
}

/// The response with a document: 200 with its entity tag. 404 if a row has no document.
pub fn shown<B: Representation>(state: &<B::Row as Row>::State) -> Result<Response, Problem> {
    let document = Document::<B>::of(state).ok_or_else(|| Problem::not_found(format!("there is no {}", B::TITLE)))?;
    Ok(Tagged::new(&document)?.into_response())
}

/// Whether the conditions of a request allow a command on a row in this state: 412 if not. 404 if the row has no document.
pub fn check_conditions<B: Representation>(
    conditions: &Conditions,
    key: &KeyOf<B>,
    state: &StateOf<B>,
) -> Result<(), Problem> {
    let document = Document::<B>::of(state).ok_or_else(|| not_found::<B>(key))?;
    if conditions.allow(&document) { Ok(()) } else { Err(changed_since()) }
}

/// The responses with a document in the `OpenAPI` document: 200 with this description, and the problems of the command.
pub fn shown_or<B: Representation>(description: &str, problems: impl IntoIterator<Item = Problem>) -> Responses {
    let mut responses = openapi::refusals(problems);
    responses.insert("200".to_owned(), json::<Document<B>>(description).build().into());
    responses
}

/// The responses to a creation in the `OpenAPI` document: 201, and the problems of the command.
pub fn created_or<B: Representation>(problems: impl IntoIterator<Item = Problem>) -> Responses {
    let header = |about| HeaderBuilder::new().schema(Some(text(about))).description(Some(about)).build();
    let created = json::<Document<B>>("It is created.")
        .header("Location", header("Its path."))
        .header("ETag", header("Its entity tag."))
        .link("show", operation_on::<B>("show"));
    let links = B::CONDITIONAL_LINKS.iter().map(|(name, ..)| *name);
    let created = links.fold(created, |created, name| created.link(name, operation_on::<B>(name)));
    let mut responses = openapi::refusals(problems);
    responses.insert("201".to_owned(), created.build().into());
    responses
}

/// The link to an operation on the document of the response.
fn operation_on<B: Representation>(name: &str) -> Link {
    let operation = LinkBuilder::new().operation_id(format!("{name}{}", B::NAME));
    let own = |link: &str| link == name || (link, name) == ("self", "show");
    let paths = B::LINKS.iter().copied().chain(B::CONDITIONAL_LINKS.iter().map(|(link, path, _)| (*link, *path)));
    let path = paths.into_iter().find_map(|(link, path)| own(link).then_some(path)).unwrap_or_default();
    let given = |all: LinkBuilder, name| all.parameter(name, format!("$response.body#/{name}"));
    properties_in(path).fold(operation, given).build()
}

fn one<B: Representation>(rest: &str) -> String {
    format!("{}/{{id}}{rest}", B::PATH)
}

type Schemas = Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>;

fn schemas<T: ToSchema>() -> Schemas {
    let mut schemas = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut schemas);
    schemas
}

fn list_parameters<const N: usize>(list: &List<N>) -> Vec<Parameter> {
    let filters = list.filters().iter().map(|filter| filter.values.describe(filter.parameter, filter.about));
    filters.chain(PageRequest::<N>::into_params(|| None)).collect()
}

fn show_parameters<B: Representation>() -> Vec<Parameter> {
    [Id::<KeyOf<B>>::into_params(|| None), Conditions::into_params(|| None)].concat()
}

fn json<T: ToSchema>(description: &str) -> ResponseBuilder {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(T::name())));
    ResponseBuilder::new().description(description).content("application/json", content.build())
}
