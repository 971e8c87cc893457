//! A context whose cases have text keys, on each store: rows, projection, resource and command.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what fails here fails the test")]

mod commands;
mod following;
mod routes;
mod tenants;
mod updates;

use std::collections::BTreeSet;
use std::sync::Arc;

use ambient::{Ids, ManualClock, Subject, SystemClock, Timestamp};
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::{Extension, Router};
use chassis::openapi::{object, positive, text};
use chassis::page::PageRequest;
use chassis::query::Values;
use chassis::{Host, Principal, Scope};
use clap::Parser;
use context::{Config, Filter, List, NoSettings, Projector, Repository, Representation, Resource, Visibility};
use events::{Envelope, EventSet, Inbound, Projection, TraceContext, encode};
use identity::Identity;
use messaging::{Messaging, Record, RecordPosition};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Json, Migrations, Row, Store};
use test_stores::random::{cases, deliveries};
use test_stores::{TestStore, on_each_store, on_sqlite};
use tower::ServiceExt;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa_axum::router::OpenApiRouter;

const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!("tests/articles/migrations"));

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, EventSet)]
#[events(context = "catalogue", key = "number", key_type = "String")]
enum CatalogueEvent {
    Priced(Priced),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Priced {
    number: String,
    version: i64,
    price: i64,
    seller: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, EventSet)]
#[events(context = "articles", key = "number", key_type = "String")]
enum ArticleEvent {
    Withdrawn(Withdrawn),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Withdrawn {
    number: String,
}

#[derive(Debug, Clone, Inbound)]
#[inbound(epoch = "version", key_type = "String")]
enum ArticleInput {
    Priced(Priced),
}

#[derive(Debug, Clone, PartialEq, Default, Row)]
#[row(table = "articles", key = "number", owner = "seller")]
struct Article {
    number: String,
    version: i64,
    position: i64,
    seller: Option<Subject>,
    price: Option<i64>,
    on_sale: bool,
    priced_at: Option<Timestamp>,
    labels: Json<BTreeSet<String>>,
}

impl Projection for Article {
    type Event = ArticleInput;
    type Emits = ArticleEvent;

    fn begin(number: String, version: i64) -> Self {
        Self { number, version, ..Self::default() }
    }

    fn epoch(&self) -> i64 {
        self.version
    }

    fn apply(&mut self, ArticleInput::Priced(event): &ArticleInput, at: Timestamp) -> Option<ArticleEvent> {
        (self.price, self.on_sale, self.priced_at) = (Some(event.price), true, Some(at));
        (self.seller, self.position) = (Subject::new(event.seller.clone()).ok(), event.price);
        self.labels = Json(BTreeSet::from([format!("from {}", event.seller)]));
        None
    }

    fn superseded(self) -> Option<ArticleEvent> {
        self.on_sale.then(|| Withdrawn { number: self.number }.into())
    }
}

struct ArticleDocument;

impl Representation for ArticleDocument {
    type Row = Article;
    const NAME: &'static str = "Article";
    const PATH: &'static str = "/articles";
    const REL: &'static str = "articles";
    const TITLE: &'static str = "article";
    const LINKS: &'static [(&'static str, &'static str)] = &[("self", "/articles/{id}")];

    fn of(article: &Article) -> Option<Value> {
        Some(json!({ "id": article.number, "price": article.price? }))
    }

    fn schema() -> ObjectBuilder {
        object("An article.").property("id", text("Its number.")).property("price", positive("Its price."))
    }
}

const BY_POSITION: List<1> = List::new("on_sale = 1", ["position"]);

const NEWEST_FIRST: List<2> = List::new("on_sale = 1", ["price", "position"]).newest_first().filtered_by(&[
    Filter { parameter: "price", column: "price", values: Values::Positive, about: "The price." },
    Filter { parameter: "seller", column: "seller", values: Values::OneOf(&["kim", "lee"]), about: "The seller." },
]);

/// One process of the context, without a broker.
struct World {
    store: Store,
    host: Host,
    messaging: Messaging,
    articles: Repository<Article>,
    policies: Arc<Projector<Article>>,
}

impl World {
    async fn on(place: &TestStore) -> Self {
        Self::with(place, &[messaging::MIGRATIONS, MIGRATIONS]).await
    }

    async fn with(place: &TestStore, migrations: &[Migrations]) -> Self {
        let store = place.open(migrations).await;
        let ids = Arc::new(Ids::from_entropy(Arc::new(SystemClock)));
        let host = Host::new(Arc::new(ManualClock::at(Timestamp::from_micros(1))), ids);
        let config = Config::<NoSettings>::parse_from(["articles", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, "articles", &store, &host);
        let articles = Repository::new(&store, messaging.outbox(), host.clock());
        let policies = Arc::new(Projector::new(articles.clone()));
        Self { store, host, messaging, articles, policies }
    }

    async fn consume(&self, records: Vec<Record>) {
        assert_eq!(self.messaging.process(&self.policies, records).await.dead, 0);
    }

    async fn article(&self, number: &str) -> Option<Article> {
        self.articles.find(&number.to_owned(), &Scope::All).await.unwrap()
    }

    async fn staged(&self) -> Vec<(String, String)> {
        let sql = "SELECT subject, kind FROM outbox ORDER BY seq";
        sqlx::query_as(sql).fetch_all(self.store.reader()).await.unwrap()
    }

    async fn get(&self, principal: &Principal, path: &str) -> (u16, Value) {
        self.get_from(articles(BY_POSITION), principal, path).await
    }

    async fn get_from(
        &self,
        routes: OpenApiRouter<Repository<Article>>,
        principal: &Principal,
        path: &str,
    ) -> (u16, Value) {
        let routes = Router::from(routes).with_state(self.articles.clone()).layer(Extension(principal.clone()));
        let service = chassis::router(routes, &self.host, &chassis::Config::default());
        let request = Request::get(path).body(Body::empty()).unwrap();
        let (head, body) = service.oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, 1 << 16).await.unwrap();
        (head.status.as_u16(), serde_json::from_slice(&body).unwrap())
    }

    /// The numbers of the articles on this page and all that follow it.
    async fn listed(
        &self,
        routes: OpenApiRouter<Repository<Article>>,
        principal: &Principal,
        first: &str,
    ) -> Vec<String> {
        let (mut listed, mut next) = (vec![], Some(first.to_owned()));
        while let Some(path) = next {
            let (_, page) = self.get_from(routes.clone(), principal, &path).await;
            let items = page["_embedded"]["articles"].as_array().unwrap();
            listed.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
            next = page["_links"]["next"]["href"].as_str().map(str::to_owned);
        }
        listed
    }
}

/// The routes of the articles, listed like this.
fn articles<const N: usize>(list: List<N>) -> OpenApiRouter<Repository<Article>> {
    let resource = Resource::<ArticleDocument, _>::new(Visibility::Owned { own: "seller", all: "operator" });
    resource.list("The articles.", list).show("An article.").into_router()
}

fn priced(number: &str, version: i64, price: i64, seller: &str) -> Record {
    let event = CatalogueEvent::from(Priced { number: number.into(), version, price, seller: seller.into() });
    let (kind, data) = encode(&event).unwrap();
    let (id, subject, time) = (format!("{kind} {data}"), number.to_owned(), Timestamp::from_micros(price));
    let envelope = Envelope { id, source: "/test/catalogue".into(), kind, subject, time, trace: None, data };
    Record::carrying(&envelope, RecordPosition { topic: "test.catalogue".into(), partition: 0, offset: 0 })
}

fn seller(name: &str) -> Principal {
    let identity = Identity::new(name, ["seller"]);
    Principal::User { identity, operator_role: "operator".into() }
}

#[test]
fn all_orders_and_repetitions_of_events_end_in_one_row_with_all_types_of_columns() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for (round, batches) in (0..).zip(cases(20, deliveries(vec![1, 2, 3]))) {
            let number = format!("A/{round} é");
            for batch in &batches {
                world
                    .consume(batch.iter().map(|version| priced(&number, *version, version * 10, "kim")).collect())
                    .await;
            }
            let expected = Article {
                version: 3,
                position: 30,
                seller: Some(Subject::new("kim").unwrap()),
                price: Some(30),
                on_sale: true,
                priced_at: Some(Timestamp::from_micros(30)),
                labels: Json(BTreeSet::from(["from kim".to_owned()])),
                number: number.clone(),
            };
            assert_eq!(world.article(&number).await, Some(expected), "{batches:?}");
        }
    });
}

#[test]
fn a_later_epoch_publishes_the_end_of_the_one_before_once() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for _ in 0..2 {
            world.consume(vec![priced("A-1", 1, 10, "kim"), priced("A-1", 2, 20, "kim")]).await;
        }
        assert_eq!(world.staged().await, [("A-1".to_owned(), "Withdrawn".to_owned())]);
    });
}

#[test]
fn a_change_is_published_with_its_row_and_a_refused_one_leaves_nothing() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.consume(vec![priced("A-1", 1, 10, "kim")]).await;
        let (key, trace) = ("A-1".to_owned(), TraceContext::new(&world.host.ids()));
        let withdraw = |article: Option<Article>| match article {
            Some(article) if article.on_sale => {
                let event = ArticleEvent::from(Withdrawn { number: article.number.clone() });
                Ok((Article { on_sale: false, ..article }, event))
            }
            _ => Err("not on sale"),
        };
        let changed = world.articles.change(&key, trace, withdraw).await.unwrap();
        assert_eq!(changed.map(|article| article.on_sale), Ok(false));
        assert_eq!(world.articles.change(&key, trace, withdraw).await.unwrap(), Err("not on sale"));
        assert_eq!(world.articles.change(&"B".to_owned(), trace, withdraw).await.unwrap(), Err("not on sale"));
        assert_eq!(world.staged().await.len(), 1);
    });
}

#[test]
fn a_change_of_a_missing_row_inserts_it_unless_it_is_refused() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let (key, trace) = ("N-1".to_owned(), TraceContext::new(&world.host.ids()));
        let found = async || world.articles.find(&key, &Scope::All).await.unwrap().map(|article| article.version);
        let refused: Result<_, &str> =
            world.articles.change_or_insert(&key, trace, |_| Err::<Option<ArticleEvent>, _>("no")).await.unwrap();
        assert_eq!((refused.map(|article| article.version), found().await), (Err("no"), None));
        for (version, event) in [(1, None), (2, Some(ArticleEvent::from(Withdrawn { number: key.clone() })))] {
            let change = |article: &mut Article| {
                article.version += 1;
                Ok::<_, &str>(event)
            };
            let changed = world.articles.change_or_insert(&key, trace, change).await.unwrap();
            assert_eq!((changed.map(|article| article.version), found().await), (Ok(version), Some(version)));
        }
        assert_eq!(world.staged().await, [("N-1".to_owned(), "Withdrawn".to_owned())]);
    });
}

#[test]
fn a_row_is_shown_under_its_text_key_to_its_owner() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.consume(vec![priced("A/1 é", 1, 10, "kim")]).await;
        let path = "/articles/A%2F1%20%C3%A9";
        let (status, document) = world.get(&seller("kim"), path).await;
        assert_eq!((status, &document["id"]), (200, &json!("A/1 é")));
        assert_eq!(document["_links"]["self"]["href"], path);
        assert_eq!(world.get(&seller("lee"), path).await.0, 404);
        let (status, problem) = world.get(&seller("kim"), &format!("/articles/{}", "x".repeat(65))).await;
        assert_eq!((status, problem["detail"].as_str().unwrap().contains("64 characters")), (404, true));
    });
}

#[test]
fn a_list_has_the_rows_of_its_filter_in_its_order_page_by_page() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let sellers = ["kim", "lee"];
        world
            .consume(
                (1..=5).map(|n| priced(&format!("A-{n}"), 1, 60 - n * 10, sellers[usize::from(n % 2 == 1)])).collect(),
            )
            .await;
        let listed = async |principal| world.listed(articles(BY_POSITION), principal, "/articles?size=2").await;
        assert_eq!(listed(&Principal::Unauthenticated).await, ["A-5", "A-4", "A-3", "A-2", "A-1"]);
        assert_eq!(listed(&seller("kim")).await, ["A-4", "A-2"]);
        let (_, next) =
            world.articles.page(&BY_POSITION, &Scope::All, &PageRequest { size: 5, after: None }).await.unwrap();
        assert_eq!(next, None);
    });
}

#[test]
fn a_list_is_newest_first_and_narrowed_down_by_the_parameters_that_are_given() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        // Prices 1, 2, 1, 2, … and two articles of kim, then two of lee.
        let article = |n: i64| priced(&format!("A-{n}"), 1, n % 2 + 1, if n % 4 < 2 { "kim" } else { "lee" });
        world.consume((0..8).map(article).collect()).await;
        for n in 0..8 {
            let sql = "UPDATE articles SET position = $1 WHERE number = $2";
            sqlx::query(sql).bind(n).bind(format!("A-{n}")).execute(world.store.writer()).await.unwrap();
        }
        let (anyone, kim) = (Principal::Unauthenticated, seller("kim"));
        let all = ["A-7", "A-5", "A-3", "A-1", "A-6", "A-4", "A-2", "A-0"];
        for (principal, query, expected) in [
            (&anyone, "", &all[..]),
            (&anyone, "&unknown=1", &all),
            (&anyone, "&price=2", &all[..4]),
            (&anyone, "&price=9", &[]),
            (&anyone, "&seller=kim", &["A-5", "A-1", "A-4", "A-0"]),
            (&anyone, "&seller=kim&price=1", &["A-4", "A-0"]),
            (&kim, "", &["A-5", "A-1", "A-4", "A-0"]),
            (&kim, "&price=2", &["A-5", "A-1"]),
            (&kim, "&seller=lee", &[]),
        ] {
            let listed = world.listed(articles(NEWEST_FIRST), principal, &format!("/articles?size=1{query}")).await;
            assert_eq!(listed, expected, "{query}, {principal:?}");
        }
    });
}

#[test]
fn the_links_of_a_page_keep_its_filters_and_an_invalid_value_is_refused() {
    on_sqlite(async |place| {
        let world = World::on(place).await;
        world.consume((1..=3).map(|n| priced(&format!("A-{n}"), 1, 7, "kim")).collect()).await;
        let get = async |path: &str| world.get_from(articles(NEWEST_FIRST), &Principal::Unauthenticated, path).await;
        let (_, page) = get("/articles?unknown=1&size=2&price=7&seller=kim").await;
        assert_eq!(page["_links"]["self"]["href"], "/articles?price=7&seller=kim&size=2");
        let next = page["_links"]["next"]["href"].as_str().unwrap();
        assert!(next.starts_with("/articles?price=7&seller=kim&cursor=") && next.ends_with("&size=2"), "{next}");
        for (query, rule) in [
            ("price=0", "price must be a whole number from 1 to 9007199254740991"),
            ("price=7&price=7", "price must be given once"),
            ("seller=mia", "seller must be one of: kim, lee"),
        ] {
            let (status, problem) = get(&format!("/articles?{query}")).await;
            assert_eq!((status, problem["detail"].as_str()), (400, Some(rule)));
        }
    });
}

#[test]
fn the_document_of_a_list_has_its_parameters_and_their_rules() {
    let document = serde_json::to_value(articles(NEWEST_FIRST).into_openapi()).unwrap();
    let list = &document["paths"]["/articles"]["get"];
    let names: Vec<&str> =
        list["parameters"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["price", "seller", "cursor", "size"]);
    assert_eq!(list["parameters"][1]["schema"]["enum"], json!(["kim", "lee"]));
    let rules = list["responses"]["400"].to_string();
    assert!(rules.contains("price must be") && rules.contains("seller must be one of"), "{rules}");
}
