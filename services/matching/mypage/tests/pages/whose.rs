//! Who sees which page.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Response, StatusCode};
use chassis::Principal;
use futures_util::StreamExt;
use identity::Identity;
use match_contract::Step;
use serde_json::Value;
use test_stores::on_each_store;
use tokio::time::timeout;

use crate::{World, said, student_of};

pub fn person(name: &str, roles: &[&str]) -> Principal {
    Principal::User { identity: Identity::new(name, roles.iter().copied()), operator_role: "operator".into() }
}

pub fn student(attempt: i64) -> Principal {
    person(&student_of(attempt), &["student"])
}

async fn ask(world: &World, principal: &Principal, path: &str) -> Response<Body> {
    world.ask(principal, path, &[]).await
}

async fn status(world: &World, principal: &Principal, path: &str) -> u16 {
    ask(world, principal, path).await.status().as_u16()
}

async fn document(world: &World, principal: &Principal, path: &str) -> Value {
    let answer = ask(world, principal, path).await;
    serde_json::from_slice(&to_bytes(answer.into_body(), 1 << 16).await.expect("a body")).expect("JSON")
}

#[test]
fn each_role_sees_what_the_table_says() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        // Of page 2 it is not known yet whose it is: the payment is known and the request is not.
        world.take(vec![said(1, 1, Step::MatchRequested), said(2, 1, Step::PaymentApproved)]).await;
        // Who, and the answers to: that student's page, one that is not known to be anybody's, the list.
        let table = [
            ("the student", student(1), [200, 404, 200]),
            ("another student", student(2), [404, 404, 200]),
            ("a tutor", person(&student_of(1), &["tutor"]), [403, 403, 403]),
            ("without a role", person(&student_of(1), &[]), [403, 403, 403]),
            ("a service", Principal::Service, [403, 403, 403]),
            ("an operator", person("olga", &["operator"]), [200, 200, 200]),
            ("another student who is operator", person("olga", &["student", "operator"]), [200, 200, 200]),
            ("anybody, while it runs open", Principal::Unauthenticated, [200, 200, 200]),
        ];
        for (who, principal, answers) in table {
            for (path, expected) in ["/myPages/1", "/myPages/2", "/myPages"].into_iter().zip(answers) {
                assert_eq!(status(&world, &principal, path).await, expected, "{who}: {path}");
                if path != "/myPages" {
                    let stream = format!("{path}/events");
                    assert_eq!(status(&world, &principal, &stream).await, expected, "{who}: {stream}");
                }
            }
        }
        world.take(vec![said(2, 1, Step::MatchRequested)]).await;
        assert_eq!(status(&world, &student(1), "/myPages/2").await, 200, "it is known now");
    });
}

#[test]
fn another_students_page_is_answered_exactly_as_one_that_does_not_exist() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.take(vec![said(1, 1, Step::MatchRequested)]).await;
        for rest in ["", "/events"] {
            let [his, none] = [1, 3].map(|id| format!("/myPages/{id}{rest}"));
            let (his, none) = (document(&world, &student(2), &his).await, document(&world, &student(2), &none).await);
            assert_eq!(his["status"], 404);
            assert_eq!(his.to_string(), none.to_string().replace('3', "1"));
        }
    });
}

#[test]
fn a_list_has_the_pages_of_its_student_and_an_operators_has_all_page_by_page() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        // Attempts, and so students, 2, 3 and 1 in turn; of the last page it is not known whose it is.
        let requested = (1..=9).map(|id| said(id, id % 3 + 1, Step::MatchRequested));
        world.take(requested.chain([said(10, 1, Step::PaymentApproved)]).collect()).await;
        let table = [
            (student(2), vec![1, 4, 7]),
            (student(1), vec![3, 6, 9]),
            (student(9), vec![]),
            (person("olga", &["operator"]), (1..=10).collect()),
            (Principal::Unauthenticated, (1..=10).collect()),
        ];
        for (principal, expected) in table {
            let (mut listed, mut next) = (vec![], Some("/myPages?size=2".to_owned()));
            while let Some(path) = next {
                let page = document(&world, &principal, &path).await;
                let items = page["_embedded"]["myPages"].as_array().unwrap();
                listed.extend(items.iter().map(|item| item["id"].as_i64().unwrap()));
                next = page["_links"]["next"]["href"].as_str().map(str::to_owned);
            }
            assert_eq!(listed, expected, "{principal:?}");
        }
    });
}

/// The next messages of a live stream, until it is silent.
async fn heard(stream: &mut (impl StreamExt<Item = Result<axum::body::Bytes, axum::Error>> + Unpin)) -> String {
    let mut text = String::new();
    while let Ok(Some(chunk)) = timeout(Duration::from_millis(500), stream.next()).await {
        text.push_str(std::str::from_utf8(&chunk.expect("a message")).expect("text"));
    }
    text
}

#[test]
fn an_open_stream_says_nothing_of_a_later_attempt_that_is_another_students() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.take(vec![said(1, 1, Step::MatchRequested)]).await;
        let [his, all] = [student(1), person("olga", &["operator"])];
        let his = ask(&world, &his, "/myPages/1/events").await;
        let all = ask(&world, &all, "/myPages/1/events").await;
        assert_eq!((his.status(), all.status()), (StatusCode::OK, StatusCode::OK));
        let (mut his, mut all) = (his.into_body().into_data_stream(), all.into_body().into_data_stream());
        for stream in [&mut his, &mut all] {
            assert!(heard(stream).await.contains("event: matchRequested"));
        }
        world.take(vec![said(1, 1, Step::PaymentApproved)]).await;
        assert!(heard(&mut his).await.contains("event: paymentApproved"), "his own goes on");
        // Whose the next attempt is, is not known at first; then it is another student's.
        world.take(vec![said(1, 2, Step::PaymentApproved)]).await;
        assert_eq!(heard(&mut his).await, "");
        world.take(vec![said(1, 2, Step::MatchRequested)]).await;
        assert_eq!(heard(&mut his).await, "");
        assert!(heard(&mut all).await.contains("id: 203-02"), "an operator hears it");
        assert_eq!(status(&world, &student(1), "/myPages/1").await, 404);
        assert_eq!(status(&world, &student(2), "/myPages/1").await, 200);
    });
}

#[test]
fn a_replica_goes_on_when_a_later_version_adds_a_column() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.take(vec![said(1, 1, Step::MatchRequested)]).await;
        let all = async || {
            for path in ["/myPages/1", "/myPages", "/myPages/1/events"] {
                for principal in [student(1), Principal::Unauthenticated] {
                    assert_eq!(status(&world, &principal, path).await, 200, "{path}");
                }
            }
        };
        // So that its connections have prepared what they ask.
        all().await;
        let later = "ALTER TABLE my_pages ADD COLUMN later TEXT";
        sqlx::raw_sql(later).execute(World::on(place).await.store.writer()).await.unwrap();
        all().await;
        world.take(vec![said(1, 1, Step::PaymentApproved)]).await;
        all().await;
    });
}

#[test]
fn a_page_has_a_tag_until_it_changes() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.take(vec![said(1, 1, Step::MatchRequested)]).await;
        let read = async |known: &str| {
            let answer = world.ask(&Principal::Unauthenticated, "/myPages/1", &[("if-none-match", known)]).await;
            (answer.status().as_u16(), answer.headers()["etag"].to_str().expect("a tag").to_owned())
        };
        let (_, tag) = read("").await;
        assert_eq!(read(&tag).await, (304, tag.clone()));
        world.take(vec![said(1, 1, Step::PaymentApproved)]).await;
        let (status, now) = read(&tag).await;
        assert!(status == 200 && now != tag, "{status}, {now}");
    });
}
