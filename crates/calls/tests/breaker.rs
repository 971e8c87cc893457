//! The breaker as a service, on paused time, with a scripted callee.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use calls::CallError;
use calls::breaker::{Breaker, BreakerLayer, Rules};
use http::StatusCode;
use tokio::time::{Instant, advance, sleep, timeout};
use tower::util::Oneshot;
use tower::{Layer, Service, ServiceExt};

/// The scripted result of one call.
type Order = (Duration, Result<(), CallError>);

const SLOW_CALL: Duration = Duration::from_millis(600);
const OPEN_FOR: Duration = Duration::from_secs(2);
const QUICK: Duration = Duration::from_millis(20);
const NEVER: Duration = Duration::from_hours(1);

fn rules() -> Rules {
    Rules {
        window: 10,
        min_calls: 5,
        failure_rate: 0.5,
        slow_call: SLOW_CALL,
        slow_rate: 0.8,
        open_for: OPEN_FOR,
        probes: 3,
    }
}

/// Responds as scripted.
#[derive(Clone)]
struct Callee;

impl Service<Order> for Callee {
    type Response = ();
    type Error = CallError;
    type Future = Pin<Box<dyn Future<Output = Result<(), CallError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (takes, result): Order) -> Self::Future {
        Box::pin(async move {
            sleep(takes).await;
            result
        })
    }
}

fn breaker() -> Breaker<Callee> {
    BreakerLayer::new("callee", rules()).layer(Callee)
}

/// Starts when it is first polled.
fn call(breaker: &Breaker<Callee>, order: Order) -> Oneshot<Breaker<Callee>, Order> {
    breaker.clone().oneshot(order)
}

fn failed() -> Result<(), CallError> {
    let body = b"".as_slice().into();
    Err(CallError::Failed(calls::CallResponse { status: StatusCode::INTERNAL_SERVER_ERROR, body }))
}

async fn opened() -> Breaker<Callee> {
    let breaker = breaker();
    for _ in 0..5 {
        assert_eq!(call(&breaker, (QUICK, failed())).await, failed());
    }
    breaker
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_rejects_at_once_with_the_time_left() {
    let breaker = opened().await;
    advance(Duration::from_millis(500)).await;
    let before = Instant::now();
    let refused = call(&breaker, (QUICK, Ok(()))).await;
    assert_eq!(refused, Err(CallError::Open { retry_after: Duration::from_millis(1500) }));
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn every_failure_of_the_callee_opens_it() {
    let failures = [CallError::TimedOut, CallError::Unsent(String::new()), CallError::Broken(String::new())];
    for failure in failures {
        let breaker = breaker();
        for _ in 0..5 {
            let _ = call(&breaker, (QUICK, Err(failure.clone()))).await;
        }
        assert!(matches!(call(&breaker, (QUICK, Ok(()))).await, Err(CallError::Open { .. })), "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_answers_open_it() {
    let breaker = breaker();
    for _ in 0..5 {
        assert_eq!(call(&breaker, (SLOW_CALL + QUICK, Ok(()))).await, Ok(()));
    }
    assert!(matches!(call(&breaker, (QUICK, Ok(()))).await, Err(CallError::Open { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_rejection_by_the_concurrency_limit_is_no_failure_of_the_callee() {
    let breaker = breaker();
    let busy = Err(CallError::Busy { retry_after: QUICK });
    for _ in 0..50 {
        assert_eq!(call(&breaker, (Duration::ZERO, busy.clone())).await, busy);
    }
    assert_eq!(call(&breaker, (QUICK, Ok(()))).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn half_open_it_allows_exactly_the_probes_of_many_callers() {
    let breaker = opened().await;
    advance(OPEN_FOR).await;
    let callers: Vec<_> = (0..200).map(|_| tokio::spawn(call(&breaker, (QUICK, Ok(()))))).collect();
    let mut answered = 0;
    for caller in callers {
        match caller.await.expect("the caller does not panic") {
            Ok(()) => answered += 1,
            Err(error) => assert_eq!(error, CallError::Open { retry_after: SLOW_CALL }),
        }
    }
    assert_eq!(answered, 3);
    assert_eq!(call(&breaker, (QUICK, Ok(()))).await, Ok(()), "all probes were good: it is closed");
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_opens_it_again() {
    let breaker = opened().await;
    advance(OPEN_FOR).await;
    assert_eq!(call(&breaker, (QUICK, failed())).await, failed());
    assert_eq!(call(&breaker, (QUICK, Ok(()))).await, Err(CallError::Open { retry_after: OPEN_FOR }));
}

#[tokio::test(start_paused = true)]
async fn cancelled_probes_make_room_for_others() {
    let breaker = opened().await;
    advance(OPEN_FOR).await;
    for _ in 0..10 {
        let cancelled = timeout(QUICK, call(&breaker, (NEVER, Ok(())))).await;
        assert!(cancelled.is_err(), "the probe was let through, and given up");
    }
    for _ in 0..3 {
        assert_eq!(call(&breaker, (QUICK, Ok(()))).await, Ok(()));
    }
    assert_eq!(call(&breaker, (QUICK, failed())).await, failed(), "it is closed, and one failure is not enough");
    assert_eq!(call(&breaker, (QUICK, Ok(()))).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_never_even_polled_makes_room_for_others() {
    let mut breaker = opened().await;
    advance(OPEN_FOR).await;
    for _ in 0..10 {
        drop(breaker.ready().await.expect("ready").call((QUICK, Ok(()))));
    }
    assert_eq!(call(&breaker, (QUICK, Ok(()))).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_late_failure_from_before_it_opened_does_not_undo_its_recovery() {
    let breaker = breaker();
    let late = tokio::spawn(call(&breaker, (OPEN_FOR + QUICK * 7, failed())));
    tokio::task::yield_now().await;
    for _ in 0..5 {
        let _ = call(&breaker, (QUICK, failed())).await;
    }
    advance(OPEN_FOR).await;
    assert_eq!(call(&breaker, (QUICK, Ok(()))).await, Ok(()));
    assert_eq!(late.await.expect("the caller does not panic"), failed());
    for _ in 0..2 {
        assert_eq!(call(&breaker, (QUICK, Ok(()))).await, Ok(()), "still half-open: the failure was not a probe's");
    }
}

#[tokio::test(start_paused = true)]
async fn services_of_one_layer_share_one_breaker() {
    let layer = BreakerLayer::new("callee", rules());
    let failing = layer.layer(tower::service_fn(|()| async { failed() }));
    let sound = layer.layer(tower::service_fn(|()| async { Ok::<_, CallError>(()) }));
    for _ in 0..5 {
        let _ = failing.clone().oneshot(()).await;
    }
    assert!(matches!(sound.oneshot(()).await, Err(CallError::Open { .. })));
}
