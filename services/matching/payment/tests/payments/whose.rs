//! Who sees payments, and who may ask for one.

use axum::Extension;
use axum::body::Body;
use axum::http::{Method, Request};
use chassis::Asker;
use identity::Identity;
use payment_service::routes;
use serde_json::{Value, json};
use test_stores::on_each_store;
use tower::ServiceExt;

use crate::{World, approved, bill, canceled};

fn person(roles: &[&str]) -> Asker {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    Asker::Person { identity: Identity { subject: "kim".to_owned(), roles }, operator_role: "operator".into() }
}

async fn ask(world: &World, asker: &Asker, method: Method, path: &str, body: &Value) -> u16 {
    let routes = routes(world.app.clone(), world.host.clone()).layer(Extension(asker.clone()));
    let service = chassis::router(routes, &world.host, &chassis::Config::default());
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = request.body(Body::from(body.to_string())).expect("a request");
    service.oneshot(request).await.expect("an answer").status().as_u16()
}

#[test]
fn each_role_may_do_what_the_table_says() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.approve(bill(100, 1)).await;
        // Who, and the answers to: a payment, one that there is not, the list, an approval, a cancellation.
        let table = [
            ("a student", person(&["student"]), [403, 403, 403, 403, 403]),
            ("a tutor", person(&["tutor"]), [403, 403, 403, 403, 403]),
            ("without a role", person(&[]), [403, 403, 403, 403, 403]),
            ("an operator", person(&["operator"]), [200, 404, 200, 403, 403]),
            ("all at once", person(&["student", "tutor", "operator"]), [200, 404, 200, 403, 403]),
            ("a service", Asker::Service, [403, 403, 403, 200, 200]),
            ("anybody, while it runs open", Asker::Anyone, [200, 404, 200, 200, 200]),
        ];
        for (id, (who, asker, expected)) in (1..).zip(table) {
            let bill = bill(id, 1);
            let body = json!({ "matchId": id, "attempt": bill.attempt, "price": bill.price });
            let answers = [
                ask(&world, &asker, Method::GET, "/payments/100", &Value::Null).await,
                ask(&world, &asker, Method::GET, "/payments/404", &Value::Null).await,
                ask(&world, &asker, Method::GET, "/payments", &Value::Null).await,
                ask(&world, &asker, Method::POST, "/approvals", &body).await,
                ask(&world, &asker, Method::POST, "/cancellations", &body).await,
            ];
            assert_eq!(answers, expected, "{who}");
            let said = if expected[3] == 200 { vec![approved(bill), canceled(bill)] } else { vec![] };
            assert_eq!(world.said(id).await, said, "{who}: whoever may not, has not");
        }
    });
}

#[test]
fn a_person_cannot_cancel_a_payment_that_stands() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.approve(bill(1, 1)).await;
        let body = json!({ "matchId": 1, "attempt": 1, "price": 10 });
        assert_eq!(ask(&world, &person(&["operator"]), Method::POST, "/cancellations", &body).await, 403);
        assert_eq!((world.said(1).await, world.due().await), (vec![approved(bill(1, 1))], vec![]));
    });
}
