//! Who may see and do what.

use ambient::Subject;
use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use chassis::{Principal, Scope};
use context::Updater;
use context::saga::Reply;
use identity::Identity;
use match_contract::MatchEvent;
use match_domain::{Match, Offer};
use serde_json::{Value, json};
use test_stores::{TestStore, eventually, on_each_store};
use tower::ServiceExt;

use crate::{NOW, RequestOutcome, World, by_anybody, id, price};

pub fn person(name: &str, roles: &[&str]) -> Principal {
    Principal::User { identity: Identity::new(name, roles.iter().copied()), operator_role: "operator".into() }
}

pub fn student(name: &str) -> Principal {
    person(name, &["student"])
}

pub fn of(name: &str, offer: i64) -> Offer {
    Offer { price: price(offer), student: Some(Subject::new(name).unwrap()) }
}

/// What the context answers to somebody: the status, and the document.
pub async fn ask(world: &World, principal: &Principal, request: Request<Body>) -> (StatusCode, Value) {
    let routes = world.routes().layer(Extension(principal.clone()));
    let service = chassis::router(routes, &world.host, &chassis::Config::default());
    let (head, body) = service.oneshot(request).await.unwrap().into_parts();
    (head.status, serde_json::from_slice(&to_bytes(body, 1 << 16).await.unwrap()).unwrap())
}

pub fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

pub fn send(method: Method, path: &str, body: &Value) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    request.body(body.to_string().into()).unwrap()
}

fn cancel(path: &str) -> Request<Body> {
    send(Method::PATCH, path, &json!({ "status": "cancel" }))
}

fn keyed(key: &str, offer: i64) -> Request<Body> {
    let mut request = send(Method::POST, "/matches", &json!({ "price": offer }));
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

/// Kim has asked for the match 1.
async fn with_kims_match(place: &TestStore) -> World {
    let world = World::on(place).await;
    let requested = world.requests.request(id(1), &of("kim", 10), world.trace()).await.unwrap();
    assert!(matches!(requested, RequestOutcome::Established(_)));
    world
}

#[test]
fn each_role_may_do_what_the_table_says() {
    on_each_store(async |place| {
        let world = with_kims_match(place).await;
        // Who, and the answers to: a new match, that match, the list, a PATCH that cancels it, a PUT that does.
        let table = [
            ("lee, a student", student("lee"), [201, 404, 200, 404, 404]),
            ("a tutor", person("kim", &["tutor"]), [403, 403, 403, 403, 403]),
            ("an operator", person("kim", &["operator"]), [403, 200, 200, 403, 403]),
            ("without a role", person("kim", &[]), [403, 403, 403, 403, 403]),
            ("a service", Principal::Service, [403, 403, 403, 403, 403]),
            ("lee, student and operator", person("lee", &["student", "operator"]), [201, 200, 200, 404, 404]),
            ("kim, a student", student("kim"), [201, 200, 200, 200, 200]),
            ("anybody, while it runs open", Principal::Unauthenticated, [201, 200, 200, 200, 200]),
        ];
        for (who, principal, answers) in table {
            let requests = [
                send(Method::POST, "/matches", &json!({ "price": 10 })),
                get("/matches/1"),
                get("/matches"),
                cancel("/matches/1"),
                send(Method::PUT, "/matches/1", &json!({ "status": "cancel" })),
            ];
            for (request, expected) in requests.into_iter().zip(answers) {
                let what = format!("{} {}", request.method(), request.uri());
                assert_eq!(ask(&world, &principal, request).await.0.as_u16(), expected, "{who}: {what}");
            }
        }
    });
}

#[test]
fn another_students_match_is_answered_exactly_as_one_that_does_not_exist() {
    on_each_store(async |place| {
        let world = with_kims_match(place).await;
        for request in [get, cancel] {
            let (his, none) = (request("/matches/1"), request("/matches/2"));
            let (his, none) = (ask(&world, &student("lee"), his).await, ask(&world, &student("lee"), none).await);
            assert_eq!(his.0, StatusCode::NOT_FOUND);
            assert_eq!(his.1.to_string(), none.1.to_string().replace('2', "1"));
        }
        assert!(!world.shown(1).await.unwrap().is_canceled());
        assert_eq!(world.said().await.len(), 1);
    });
}

#[test]
fn an_id_of_another_student_is_taken_whatever_the_price_and_the_answer_tells_nothing_about_it() {
    on_each_store(async |place| {
        let world = with_kims_match(place).await;
        world.payments.answer([Reply::Unknown]);
        world.requests.request(id(2), &of("kim", 10), world.trace()).await.unwrap();
        world.payments.open.send_replace(false);
        let pending = {
            let world = world.clone();
            tokio::spawn(async move { world.requests.request(id(3), &of("kim", 10), world.trace()).await.unwrap() })
        };
        eventually("payment is asked", async || world.payments.asked().len() == 3).await;
        // What was asked for while the fleet ran open is not this student's either.
        world.begin(&crate::first(4, 10), NOW).await;

        let mut answers = vec![];
        for (state, number) in [("established", 1), ("settling", 2), ("pending", 3), ("of an open fleet", 4)] {
            for offer in [10, 11] {
                let body = json!({ "id": number, "price": offer });
                let (status, answer) = ask(&world, &student("lee"), send(Method::POST, "/matches", &body)).await;
                assert_eq!(status, StatusCode::CONFLICT, "{state} at {offer}");
                answers.push(answer);
            }
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "they differ: {answers:?}");
        world.payments.open.send_replace(true);
        assert!(matches!(pending.await.unwrap(), RequestOutcome::Established(_)));
        assert_eq!(world.payments.asked().len(), 3, "nobody pays for what is refused");
        // The student himself is told all.
        let again = |offer: i64| send(Method::POST, "/matches", &json!({ "id": 1, "price": offer }));
        assert_eq!(ask(&world, &student("kim"), again(10)).await.0, StatusCode::OK);
        assert_eq!(ask(&world, &student("kim"), again(11)).await.1["detail"], "this match exists with another price");
    });
}

#[test]
fn while_payment_refuses_an_id_of_another_student_is_taken_all_the_same() {
    on_each_store(async |place| {
        let world = with_kims_match(place).await;
        *world.payments.unavailable_for.lock().unwrap() = Some(std::time::Duration::from_secs(7));
        let taken = world.requests.request(id(1), &of("lee", 10), world.trace()).await.unwrap();
        assert_eq!(taken, RequestOutcome::Taken);
    });
}

#[test]
fn the_id_of_an_attempt_that_was_undone_is_free_for_every_student() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.payments.answer([Reply::Unknown]);
        world.requests.request(id(1), &of("kim", 10), world.trace()).await.unwrap();
        assert_eq!(world.saga.recover_due().await.unwrap(), 1);
        assert_eq!(world.find(1).await, Some(Match::Void(crate::first(1, 10))), "it is nobody's");
        let requested = world.requests.request(id(1), &of("lee", 20), world.trace()).await.unwrap();
        assert!(matches!(requested, RequestOutcome::Established(_)));
        assert_eq!(ask(&world, &student("lee"), get("/matches/1")).await.0, StatusCode::OK);
        assert_eq!(ask(&world, &student("kim"), get("/matches/1")).await.0, StatusCode::NOT_FOUND);
    });
}

#[test]
fn of_students_who_ask_for_one_id_at_once_one_gets_it_and_the_others_pay_nothing() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let another = world.another(place).await;
        let asking = (0..20_usize).map(|n| {
            let world = [&world, &another][n % 2].clone();
            async move { world.requests.request(id(1), &of(&format!("student {n}"), 10), world.trace()).await.unwrap() }
        });
        let outcomes = futures_util::future::join_all(asking).await;
        let won = outcomes.iter().filter(|outcome| matches!(outcome, RequestOutcome::Established(_))).count();
        let taken = outcomes.iter().filter(|outcome| **outcome == RequestOutcome::Taken).count();
        assert_eq!((won, taken, world.payments.asked().len()), (1, 19, 1), "{outcomes:?}");
    });
}

#[test]
fn two_students_with_the_same_idempotency_key_do_not_meet() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let askers = [student("kim"), student("lee"), student("kim\u{e9}"), Principal::Unauthenticated];
        let mut ids = std::collections::BTreeSet::new();
        for principal in &askers {
            // At prices of their own: that another one has used the key must not be told either.
            let offer = i64::try_from(ids.len()).unwrap() + 1;
            let (status, first) = ask(&world, principal, keyed("key", offer)).await;
            assert_eq!(status, StatusCode::CREATED);
            let (status, again) = ask(&world, principal, keyed("key", offer)).await;
            assert_eq!((status, &again["id"]), (StatusCode::OK, &first["id"]));
            assert_eq!(ask(&world, principal, keyed("key", 99)).await.0, StatusCode::UNPROCESSABLE_ENTITY);
            ids.insert(first["id"].as_i64().unwrap());
        }
        assert_eq!(ids.len(), askers.len());
    });
}

#[test]
fn where_a_key_ends_and_a_student_begins_is_never_in_doubt() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let mut ids = std::collections::BTreeSet::new();
        let pairs = [("a", Some("bc")), ("ab", Some("c")), ("abc", None), ("a|bc", None), ("bc", Some("a"))];
        for (key, name) in pairs {
            let offer = name.map_or_else(|| by_anybody(10), |name| of(name, 10));
            let requested = world.requests.request_with_key(key, None, &offer, world.trace()).await.unwrap();
            let RequestOutcome::Established(established) = requested else { panic!("{key:?} {name:?}: {requested:?}") };
            ids.insert(established.attempt.id);
        }
        assert_eq!(ids.len(), pairs.len());
    });
}

#[test]
fn a_list_has_the_matches_of_its_student_and_an_operators_has_all_page_by_page() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for number in 1..=9 {
            let name = if number % 3 == 0 { "kim" } else { "lee" };
            world.requests.request(id(number), &of(name, 10), world.trace()).await.unwrap();
        }
        world.request(10, 10).await;
        let table = [
            (student("kim"), vec![3, 6, 9]),
            (student("lee"), vec![1, 2, 4, 5, 7, 8]),
            (student("nobody"), vec![]),
            (person("kim", &["operator"]), (1..=10).collect()),
            (Principal::Unauthenticated, (1..=10).collect()),
        ];
        for (principal, expected) in table {
            let (mut listed, mut next) = (vec![], Some("/matches?size=2".to_owned()));
            while let Some(path) = next {
                let (status, page) = ask(&world, &principal, get(&path)).await;
                assert_eq!(status, StatusCode::OK);
                let items = page["_embedded"]["matches"].as_array().unwrap();
                listed.extend(items.iter().map(|item| item["id"].as_i64().unwrap()));
                next = page["_links"]["next"]["href"].as_str().map(str::to_owned);
            }
            assert_eq!(listed, expected, "{principal:?}");
        }
        // A cursor is a place in the list, not a right to it.
        let (_, page) = ask(&world, &student("lee"), get("/matches?size=2")).await;
        let next = page["_links"]["next"]["href"].as_str().unwrap();
        let (_, page) = ask(&world, &student("kim"), get(next)).await;
        let items = page["_embedded"]["matches"].as_array().unwrap();
        assert_eq!(items.iter().map(|item| item["id"].as_i64().unwrap()).collect::<Vec<_>>(), [3, 6]);
    });
}

#[test]
fn the_student_is_said_with_the_request_and_stays_with_the_match_whatever_becomes_of_it() {
    on_each_store(async |place| {
        let world = with_kims_match(place).await;
        let MatchEvent::MatchRequested(said) = world.said().await.remove(0) else { panic!("not requested") };
        assert_eq!(said.student.as_deref(), Some("kim"));
        let policies = std::sync::Arc::new(Updater::new(world.matches.clone()));
        let news = crate::news::news(1, said.attempt);
        assert_eq!(world.messaging.process(&policies, vec![news[0].clone()]).await.applied, 1);
        assert_eq!(ask(&world, &student("kim"), cancel("/matches/1")).await.0, StatusCode::OK);
        assert_eq!(world.messaging.process(&policies, news[1..].to_vec()).await.applied, 2);
        let own = Scope::Own("kim".to_owned());
        let shown = world.matches.find(&1, &own).await.unwrap().unwrap();
        let shown = shown.established().unwrap();
        assert_eq!((&shown.attempt.student, shown.step), (&of("kim", 10).student, match_contract::Step::VisitCanceled));
    });
}

#[test]
fn a_name_that_no_student_can_have_is_refused() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let principal = student("kim\nlee");
        let (status, answer) = ask(&world, &principal, send(Method::POST, "/matches", &json!({ "price": 10 }))).await;
        assert_eq!((status, world.traces().await), (StatusCode::FORBIDDEN, 0), "{answer}");
    });
}
