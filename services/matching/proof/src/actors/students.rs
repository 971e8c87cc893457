//! A student requests a match, repeats the request without a response, and then works with the match.

use std::time::Duration;

use workload::{Actor, Call, Response};

use super::operations::{
    ASSIGN_UNLISTED, CANCEL_ESTABLISHED, CANCEL_UNKNOWN, READ_OWN, READ_VIEW, REQUEST_AGAIN, REQUEST_NEW,
    REQUEST_OTHER_PRICE, REQUEST_UNDECIDED, WATCH, assign, cancel, request, request_with_key,
};

/// The maximum number of requests until a match is established.
const ATTEMPTS: u32 = 4;

/// The `Retry-After` of the service, and the pause without a response.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Most views have consumed the events of a match within this time.
const VIEW_DELAY: Duration = Duration::from_secs(2);

/// The longest time until a student cancels, or until a tutor tries again.
const THINK_TIME: Duration = Duration::from_secs(8);

/// One student. `decided` gets whether the match is established.
pub async fn student(mut student: Actor, decided: impl FnOnce(bool)) {
    let (id, price) = (student.number, student.random.i64(1..=100_000));
    if student.chance(0.2) {
        let id = request_without_id(&mut student, price).await;
        decided(id.is_some());
        if let Some(id) = id {
            works_with_the_match(student, id, price).await;
        }
        return;
    }
    let tutor = student.companion(id);
    tokio::join!(acquainted_tutor(tutor, id), async {
        let price = request_until_established(&mut student, id, price).await;
        decided(price.is_some());
        match price {
            Some(price) => works_with_the_match(student, id, price).await,
            None => gives_up(student, id).await,
        }
    });
}

/// Returns the price of the match, if it is established in the end. An undecided student changes the price.
async fn request_until_established(student: &mut Actor, id: i64, price: i64) -> Option<i64> {
    let undecided = student.chance(0.2);
    let operation = if undecided { REQUEST_UNDECIDED } else { REQUEST_NEW };
    for _ in 0..student.random.u32(1..=ATTEMPTS) {
        let price = price + i64::from(undecided && student.chance(0.5));
        if is_established(request(student, operation, id, price).await.as_ref()) {
            return Some(price);
        }
        student.pause(2 * RETRY_AFTER).await;
    }
    None
}

/// Every request with the same key is the same match. Returns its id, if it is established.
async fn request_without_id(student: &mut Actor, price: i64) -> Option<i64> {
    let key = format!("student-{}", student.number);
    for _ in 0..ATTEMPTS {
        let response = request_with_key(student, REQUEST_NEW, &key, price).await;
        if is_established(response.as_ref()) {
            let id = response?.body["id"].as_i64()?;
            if student.chance(0.2) {
                repeat_key(student, &key, id, price).await;
            }
            return Some(id);
        }
        student.pause(2 * RETRY_AFTER).await;
    }
    None
}

async fn repeat_key(student: &Actor, key: &str, id: i64, price: i64) {
    let Some(again) = request_with_key(student, REQUEST_AGAIN, key, price).await else { return };
    if again.status == 200 && again.body["id"] != id {
        student.clients.contradiction(format!("the key {key:?} was match {id}, and then {}", again.body));
    }
}

fn is_established(response: Option<&Response>) -> bool {
    response.is_some_and(Response::is_success)
}

/// A tutor whom the student knows may accept the visit before it is listed, and when it is not listed any more.
async fn acquainted_tutor(mut tutor: Actor, id: i64) {
    if tutor.chance(0.3) {
        for _ in 0..tutor.random.u32(1..=4) {
            tutor.pause(THINK_TIME / 2).await;
            assign(&tutor, ASSIGN_UNLISTED, id).await;
        }
    }
}

async fn works_with_the_match(mut student: Actor, id: i64, price: i64) {
    if student.chance(0.1) {
        request(&student, REQUEST_AGAIN, id, price).await;
    }
    if student.chance(0.05) {
        request(&student, REQUEST_OTHER_PRICE, id, price + 1).await;
    }
    if student.chance(0.3) {
        reads(&mut student, id, price).await;
    }
    if student.chance(0.02) {
        student.pause(VIEW_DELAY).await;
        student.watch(WATCH, &format!("/myPages/{id}/events"), THINK_TIME).await;
    }
    if student.chance(0.3) {
        student.pause(THINK_TIME).await;
        cancels(&mut student, id).await;
    }
}

async fn reads(student: &mut Actor, id: i64, price: i64) {
    if student.chance(0.5) {
        student.pause(VIEW_DELAY).await;
        let view = if student.chance(0.5) { "/visits" } else { "/myPages" };
        student.clients.send(Call::get(READ_VIEW, format!("{view}/{id}"))).await;
        return;
    }
    let path = format!("{}/{id}", if student.chance(0.5) { "/matches" } else { "/payments" });
    let Some(own) = student.clients.send(Call::get(READ_OWN, &path)).await else { return };
    if own.status == 200 && own.body["price"] != price {
        student.clients.contradiction(format!("the price of {path} was {price}, but it is {}", own.body));
    }
}

async fn cancels(student: &mut Actor, id: i64) {
    if student.chance(0.2) {
        tokio::join!(assign(student, ASSIGN_UNLISTED, id), cancel(student, CANCEL_ESTABLISHED, id));
    } else {
        cancel(student, CANCEL_ESTABLISHED, id).await;
    }
    if student.chance(0.3) {
        student.pause(RETRY_AFTER).await;
        cancel(student, CANCEL_ESTABLISHED, id).await;
    }
}

/// May cancel a match whose last request had no success.
async fn gives_up(mut student: Actor, id: i64) {
    if student.chance(0.3) {
        student.pause(THINK_TIME).await;
        cancel(&student, CANCEL_UNKNOWN, id).await;
    }
}
