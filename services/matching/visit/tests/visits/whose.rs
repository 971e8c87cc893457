//! Who sees and confirms what.

use ambient::Subject;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use axum::{Extension, Router};
use chassis::{Principal, Scope};
use context::Context;
use identity::Identity;
use serde_json::{Value, json};
use test_stores::on_each_store;
use tower::ServiceExt;
use visit_service::Visits;

use crate::{World, approved, match_canceled};

fn person(name: &str, roles: &[&str]) -> Principal {
    Principal::User { identity: Identity::new(name, roles.iter().copied()), operator_role: "operator".into() }
}

fn tutor(name: &str) -> Principal {
    person(name, &["tutor"])
}

fn routes(world: &World) -> Router {
    Router::from(Visits::handlers()).with_state(world.cases.clone())
}

/// What the context answers to somebody: the status, and the document.
async fn ask(world: &World, principal: &Principal, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let routes = routes(world).layer(Extension(principal.clone()));
    let service = chassis::router(routes, &world.host, &chassis::Config::default());
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = request.body(Body::from(body.to_string())).expect("a request");
    let (head, body) = service.oneshot(request).await.expect("an answer").into_parts();
    let body = to_bytes(body, 1 << 16).await.expect("a body");
    (head.status.as_u16(), serde_json::from_slice(&body).expect("JSON"))
}

async fn get(world: &World, principal: &Principal, path: &str) -> (u16, Value) {
    ask(world, principal, Method::GET, path, &Value::Null).await
}

async fn assign(world: &World, principal: &Principal, match_id: i64) -> u16 {
    // All have the same name: that is not what tells them apart.
    let body = json!({ "matchId": match_id, "teacher": "TEACHER", "visitDate": "2021-01-21" });
    ask(world, principal, Method::POST, "/visits", &body).await.0
}

/// All ids of a list, read in small pages.
async fn listed(world: &World, principal: &Principal, rel: &str) -> Vec<i64> {
    let (mut listed, mut next) = (vec![], Some(format!("/{rel}?size=2")));
    while let Some(path) = next {
        let (_, page) = get(world, principal, &path).await;
        let items = page["_embedded"][rel].as_array().expect("a page");
        listed.extend(items.iter().map(|item| item["id"].as_i64().expect("an id")));
        next = page["_links"]["next"]["href"].as_str().map(str::to_owned);
    }
    listed
}

#[test]
fn each_role_may_do_what_the_table_says() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.take((1..=20).map(|id| approved(id, id)).collect()).await;
        assert_eq!(assign(&world, &tutor("tom"), 1).await, 201);
        // Who, and the answers to: the requests, a new visit, one that is taken, Tom's visit, the list of visits.
        let table = [
            ("tom, a tutor", tutor("tom"), [200, 201, 409, 200, 200]),
            ("ann, a tutor", tutor("ann"), [200, 201, 409, 404, 200]),
            ("a student", person("tom", &["student"]), [403, 403, 403, 403, 403]),
            ("an operator", person("tom", &["operator"]), [200, 403, 403, 200, 200]),
            ("without a role", person("tom", &[]), [403, 403, 403, 403, 403]),
            ("a service", Principal::Service, [403, 403, 403, 403, 403]),
            ("ann, tutor and operator", person("ann", &["tutor", "operator"]), [200, 201, 409, 200, 200]),
            ("anybody, while it runs open", Principal::Unauthenticated, [200, 201, 409, 200, 200]),
        ];
        for (id, (who, principal, expected)) in (2..).zip(table) {
            let answers = [
                get(&world, &principal, "/visitReqLists").await.0,
                assign(&world, &principal, id).await,
                assign(&world, &principal, 1).await,
                get(&world, &principal, "/visits/1").await.0,
                get(&world, &principal, "/visits").await.0,
            ];
            assert_eq!(answers, expected, "{who}");
            let opened = expected[1] == 403;
            assert_eq!(world.case(id).await.is_open(), opened, "{who}: whoever may not, has not");
        }
    });
}

#[test]
fn another_tutors_visit_is_answered_exactly_as_one_that_does_not_exist() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.take(vec![approved(1, 1)]).await;
        assign(&world, &tutor("tom"), 1).await;
        let [his, none] = ["/visits/1", "/visits/2"];
        let (his, none) = (get(&world, &tutor("ann"), his).await, get(&world, &tutor("ann"), none).await);
        assert_eq!((his.0, his.1.to_string()), (404, none.1.to_string().replace('2', "1")));
    });
}

#[test]
fn a_list_has_the_visits_of_its_tutor_and_an_operators_has_all_page_by_page() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.take((1..=10).map(|id| approved(id, id)).collect()).await;
        for id in 1..=9 {
            let name = if id % 3 == 0 { "tom" } else { "ann" };
            assert_eq!(assign(&world, &tutor(name), id).await, 201);
        }
        assert_eq!(assign(&world, &Principal::Unauthenticated, 10).await, 201);
        let table = [
            (tutor("tom"), vec![3, 6, 9]),
            (tutor("ann"), vec![1, 2, 4, 5, 7, 8]),
            (tutor("nobody"), vec![]),
            (person("tom", &["operator"]), (1..=10).collect()),
            (Principal::Unauthenticated, (1..=10).collect()),
        ];
        for (principal, expected) in table {
            assert_eq!(listed(&world, &principal, "visits").await, expected, "{principal:?}");
        }
    });
}

#[test]
fn a_visit_stays_its_tutors_when_it_is_cancelled_and_is_nobodys_when_a_later_attempt_begins() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.take(vec![approved(1, 1), approved(2, 1)]).await;
        for id in [1, 2] {
            assert_eq!(assign(&world, &tutor("tom"), id).await, 201);
        }
        world.take(vec![match_canceled(1, 1), approved(2, 2)]).await;
        let kept = world.cases.find(&1, &Scope::Own("tom".to_owned())).await.unwrap().unwrap();
        assert_eq!(kept.visit.unwrap().tutor, Some(Subject::new("tom").unwrap()));
        assert_eq!(get(&world, &tutor("tom"), "/visits/1").await.1["status"], "visitCanceled");
        assert_eq!(listed(&world, &tutor("tom"), "visits").await, [1]);
        assert_eq!(assign(&world, &tutor("ann"), 2).await, 201);
        assert_eq!(listed(&world, &tutor("ann"), "visits").await, [2]);
    });
}

#[test]
fn a_name_that_no_tutor_can_have_is_refused() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.take(vec![approved(1, 1)]).await;
        assert_eq!(assign(&world, &tutor("tom\nann"), 1).await, 403);
        assert!(world.case(1).await.is_open());
    });
}

#[test]
fn a_replica_goes_on_when_a_later_version_adds_a_column() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.take(vec![approved(1, 1), approved(2, 1), approved(3, 1)]).await;
        assert_eq!(assign(&world, &tutor("tom"), 1).await, 201);
        let all = async || {
            for path in ["/visits/1", "/visits", "/visitReqLists"] {
                for principal in [tutor("tom"), Principal::Unauthenticated] {
                    assert_eq!(get(&world, &principal, path).await.0, 200, "{path}");
                }
            }
        };
        // So that its connections have prepared what they ask.
        all().await;
        let later = "ALTER TABLE cases ADD COLUMN later TEXT";
        sqlx::raw_sql(later).execute(World::on(place).await.store.writer()).await.unwrap();
        all().await;
        assert_eq!(assign(&world, &tutor("tom"), 2).await, 201);
    });
}

#[test]
fn a_visit_has_a_tag_until_it_changes() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.take(vec![approved(1, 1)]).await;
        assert_eq!(assign(&world, &Principal::Unauthenticated, 1).await, 201);
        let routes = routes(&world).layer(Extension(Principal::Unauthenticated));
        let service = chassis::router(routes, &world.host, &chassis::Config::default());
        let read = async |known: &str| {
            let request = Request::get("/visits/1").header("if-none-match", known).body(Body::empty());
            let answer = service.clone().oneshot(request.expect("a request")).await.expect("an answer");
            (answer.status().as_u16(), answer.headers()["etag"].to_str().expect("a tag").to_owned())
        };
        let (_, tag) = read("").await;
        assert_eq!(read(&tag).await, (304, tag.clone()));
        world.take(vec![match_canceled(1, 1)]).await;
        let (status, now) = read(&tag).await;
        assert!(status == 200 && now != tag, "{status}, {now}");
    });
}
