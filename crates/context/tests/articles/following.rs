//! Lists that are followed live.

use std::sync::Arc;
use std::time::Duration;

use ambient::Timestamp;
use axum::body::{Body, BodyDataStream};
use axum::http::{Request, Response};
use axum::{Extension, Router};
use chassis::openapi::{object, text};
use chassis::query::Values;
use chassis::{Principal, Tenancy};
use context::{Filter, List, Live, LiveLimits, Projector, Repository, Representation, Resource, Totals, Visibility};
use events::{Inbound, Never, Projection};
use futures_util::StreamExt;
use identity::Identity;
use messaging::EventHandler as _;
use serde_json::{Value, json};
use store::{Row, changes};
use test_stores::random::{cases, deliveries};
use test_stores::{TestStore, on_each_store};
use tokio::time::timeout;
use tower::ServiceExt;
use utoipa::openapi::schema::ObjectBuilder;

use crate::{MIGRATIONS, Priced, World, priced};

/// An article on its shelf: the shelf is its tenant.
#[derive(Debug, Clone, PartialEq, Row)]
#[row(table = "articles", key = "number", owner = "seller", tenant = "shelf")]
pub struct ShelvedArticle {
    number: String,
    shelf: i64,
    seller: Option<String>,
    price: Option<i64>,
    change_number: i64,
}

/// The version of a price is the shelf.
#[derive(Debug, Clone, Inbound)]
#[inbound(key_type = "String")]
pub enum Shelving {
    Priced(Priced),
}

impl Projection for ShelvedArticle {
    type Event = Shelving;
    type Emits = Never;

    fn begin(number: String, _epoch: i64) -> Self {
        Self { number, shelf: 0, seller: None, price: None, change_number: 0 }
    }

    fn epoch(&self) -> i64 {
        0
    }

    fn apply(&mut self, Shelving::Priced(event): &Shelving, _at: Timestamp) -> Option<Never> {
        (self.shelf, self.seller) = (event.version, Some(event.seller.clone()));
        self.price = self.price.max(Some(event.price));
        None
    }
}

pub struct ShelvedDocument;

impl Representation for ShelvedDocument {
    type Row = ShelvedArticle;
    const NAME: &'static str = "Article";
    const PATH: &'static str = "/articles";
    const REL: &'static str = "articles";
    const TITLE: &'static str = "article";
    const LINKS: &'static [(&'static str, &'static str)] =
        &[("self", "/articles/{shelf}/{id}"), ("shelf", "/shelves/{shelf}/articles/{id}?shelf={shelf}")];
    const TOTALS: Option<Totals> = Some(Totals { column: "seller", values: &["kim", "lee"] });

    fn of(article: &ShelvedArticle) -> Option<Value> {
        Some(json!({ "id": article.number, "shelf": article.shelf, "price": article.price }))
    }

    fn schema() -> ObjectBuilder {
        object("An article.").property("id", text("Its number."))
    }
}

const BY_SHELF: List<1> = List::new("true", ["price"]).filtered_by(&[Filter {
    parameter: "shelf",
    column: "shelf",
    values: Values::Positive,
    about: "The shelf.",
}]);

/// One process whose list is followed.
pub struct Shop {
    pub world: World,
    live: Live<ShelvedArticle>,
    policies: Arc<Projector<ShelvedArticle>>,
}

impl Shop {
    pub async fn on(place: &TestStore) -> Self {
        let world = World::with(place, &[messaging::MIGRATIONS, changes::MIGRATIONS, MIGRATIONS]).await;
        let rows = Repository::<ShelvedArticle>::new(&world.store, world.messaging.outbox(), world.host.clock());
        let limits = LiveLimits { live_streams: 2, live_waiting: 1, live_wait: Duration::from_millis(50) };
        let live = Live::new(rows.clone(), &world.host, &limits);
        let policies = Arc::new(Projector::new(rows).notifying(live.subscriptions()).numbering_changes());
        Self { world, live, policies }
    }

    pub async fn consume(&self, records: Vec<messaging::Record>) {
        assert_eq!(self.world.messaging.process(&self.policies, records).await.dead, 0);
    }

    pub async fn get(&self, principal: &Principal, path: &str, last: Option<&str>) -> Response<Body> {
        let tenancy = Tenancy { own: "seller", member: "shop", claim: "shelf", all: "operator" };
        let resource = Resource::<ShelvedDocument, _>::new(Visibility::Tenants(tenancy));
        let routes = resource.list("The articles.", BY_SHELF).show("An article.").follow_list("Them.", BY_SHELF);
        let routes =
            Router::from(routes.into_router()).with_state(self.live.clone()).layer(Extension(principal.clone()));
        let service = chassis::router(routes, &self.world.host, &chassis::Config::default());
        let request = last.iter().fold(Request::get(path), |request, last| request.header("last-event-id", *last));
        service.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    /// As a rebuild does it.
    async fn empty(&self) {
        let mut tx = self.world.store.begin().await.unwrap();
        assert!(self.policies.clear(&mut tx).await.unwrap());
        sqlx::query("DELETE FROM inbox").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }
}

/// An open live stream.
struct Stream {
    body: BodyDataStream,
    text: String,
}

impl Stream {
    async fn open(shop: &Shop, principal: &Principal, query: &str, last: Option<&str>) -> Self {
        let response = shop.get(principal, &format!("/articles/events{query}"), last).await;
        assert_eq!(response.status(), 200, "{last:?}");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The id of the next block, and its article with the price, if it is a message.
    async fn next(&mut self) -> (String, Option<(String, i64)>) {
        timeout(Duration::from_secs(10), self.read()).await.expect("the stream is silent")
    }

    async fn article(&mut self) -> (String, i64) {
        self.next().await.1.expect("a message")
    }

    async fn read(&mut self) -> (String, Option<(String, i64)>) {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                if let Some(id) = field("id: ") {
                    let article = field("data: ").map(|data| {
                        assert_eq!(field("event: ").as_deref(), Some("changed"));
                        let article: Value = serde_json::from_str(&data).unwrap();
                        (article["id"].as_str().unwrap().to_owned(), article["price"].as_i64().unwrap())
                    });
                    return (id, article);
                }
            }
            let chunk = self.body.next().await.expect("the stream has ended").unwrap();
            self.text.push_str(str::from_utf8(&chunk).unwrap());
        }
    }
}

fn found(number: &str, price: i64) -> (String, i64) {
    (number.to_owned(), price)
}

const ANYONE: Principal = Principal::Unauthenticated;

#[test]
fn a_stream_begins_now_with_an_id_and_has_each_row_of_its_filter_that_changes() {
    on_each_store(async |place| {
        let shop = Shop::on(place).await;
        shop.consume(vec![priced("A", 1, 10, "kim")]).await;
        let (mut all, mut second) =
            (Stream::open(&shop, &ANYONE, "", None).await, Stream::open(&shop, &ANYONE, "?shelf=2", None).await);
        let (begin, nothing) = all.next().await;
        assert_eq!((nothing, second.next().await.0), (None, begin.clone()));
        assert_eq!(shop.get(&ANYONE, "/articles/events", None).await.status(), 503, "two may be open");
        shop.consume(vec![priced("B", 2, 20, "kim"), priced("C", 1, 30, "kim")]).await;
        assert_eq!((all.article().await, all.article().await), (found("B", 20), found("C", 30)));
        shop.consume(vec![priced("B", 2, 21, "lee")]).await;
        assert_eq!(all.article().await, found("B", 21));
        assert_eq!(second.article().await.0, "B");
        drop((all, second));
        // From the id on, although it was no message; and from the beginning.
        let mut again = Stream::open(&shop, &ANYONE, "", Some(&begin)).await;
        assert_eq!((again.article().await, again.article().await), (found("C", 30), found("B", 21)));
        let mut from_beginning = Stream::open(&shop, &ANYONE, "", Some("0")).await;
        assert_eq!(from_beginning.article().await, found("A", 10));
    });
}

#[test]
fn a_stream_has_the_rows_of_its_owner_or_tenant() {
    on_each_store(async |place| {
        let shop = Shop::on(place).await;
        let user = |identity| Principal::User { identity, operator_role: "operator".into() };
        let (kim, of_shelf) =
            (user(Identity::new("kim", ["seller"])), user(Identity::new("max", ["shop"]).with_claim("shelf", "2")));
        shop.consume(vec![priced("A", 1, 10, "kim"), priced("B", 2, 20, "lee")]).await;
        assert_eq!(Stream::open(&shop, &kim, "", Some("0")).await.article().await, found("A", 10));
        assert_eq!(Stream::open(&shop, &of_shelf, "", Some("0")).await.article().await, found("B", 20));
    });
}

#[test]
fn a_client_that_reconnects_to_any_replica_misses_no_change_also_after_a_rebuild() {
    on_each_store(async |place| {
        let shops = [Shop::on(place).await, Shop::on(place).await];
        for (round, batches) in (1..).zip(cases(10, deliveries(vec![1_i64, 2, 3, 4]))) {
            let (begin, _) = Stream::open(&shops[0], &ANYONE, "", None).await.next().await;
            let (mut last, mut seen) = (begin, std::collections::BTreeMap::new());
            for (turn, batch) in batches.iter().enumerate() {
                if turn == 2 {
                    shops[0].empty().await;
                    shops[1].consume((1..=4).map(|n| priced(&format!("{round}-{n}"), 1, n, "kim")).collect()).await;
                }
                let records = batch.iter().map(|n| priced(&format!("{round}-{n}"), 1, *n, "kim")).collect();
                shops[turn % 2].consume(records).await;
                let marker = format!("{round}-marker");
                shops[(turn + 1) % 2]
                    .consume(vec![priced(&marker, 1, 100 + i64::try_from(turn).unwrap(), "kim")])
                    .await;
                let mut stream = Stream::open(&shops[turn / 2 % 2], &ANYONE, "", Some(&last)).await;
                loop {
                    let (id, article) = stream.next().await;
                    let (number, price) = article.unwrap();
                    last = id;
                    seen.insert(number.clone(), price);
                    if number == marker {
                        break;
                    }
                }
            }
            for n in 1..=4 {
                assert_eq!(seen.get(&format!("{round}-{n}")), Some(&n), "{batches:?}");
            }
        }
    });
}

#[test]
fn a_position_that_is_none_and_an_invalid_filter_are_refused() {
    on_each_store(async |place| {
        let shop = Shop::on(place).await;
        for last in ["x", "-1", "1-1", "", "99999999999999999999"] {
            assert_eq!(shop.get(&ANYONE, "/articles/events", Some(last)).await.status(), 400, "{last:?}");
        }
        assert_eq!(shop.get(&ANYONE, "/articles/events?shelf=0", None).await.status(), 400);
    });
}
