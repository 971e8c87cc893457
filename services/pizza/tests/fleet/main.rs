//! The pizza fleet as real processes: its story, its refusals, and the hard cases of its description.
//!
//! `cargo test -p pizza-tests` runs all of it on the embedded parts, and on Kafka with `PostgreSQL` too where
//! `FLOTILLA_TEST_KAFKA` and `FLOTILLA_TEST_POSTGRES` name them. What every fleet has in common is tested with matching.

#[cfg(test)]
mod absent;
#[cfg(test)]
mod breaker;
#[cfg(test)]
mod hostile_requests;
#[cfg(test)]
mod late;
#[cfg(test)]
mod owned;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod settling;
#[cfg(test)]
mod story;

use std::path::Path;
use std::process::ExitCode;

use testkit::{case, run};

fn main() -> ExitCode {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fleet.toml");
    run(
        &manifest,
        &[
            case!(story::a_pizza_is_ordered_delivered_refunded_and_returned),
            case!(story::a_cancelled_refund_is_followed_by_a_second_one),
            case!(story::an_order_is_cancelled_before_it_is_delivered),
            case!(refused::what_cannot_be_ordered_or_refunded_is_rejected_and_the_field_is_named),
            case!(refused::a_declined_order_is_neither_paid_nor_delivered),
            case!(hostile_requests::no_request_fails_a_service_or_contradicts_the_document),
            case!(late::an_order_that_is_cancelled_while_it_is_handed_over_is_paid_back_and_has_no_coupon),
            case!(late::events_that_are_delivered_again_in_the_opposite_order_change_nothing),
            case!(settling::order_dies_between_paying_establishing_and_answering),
            case!(settling::refund_dies_between_the_agreement_of_delivery_and_writing_it_down),
            case!(settling::the_agreement_of_delivery_is_lost_and_the_courier_cancels_the_return),
            case!(breaker::a_slow_payment_opens_the_breaker_and_orders_are_refused_at_once),
            case!(breaker::an_overloaded_delivery_refuses_refunds_and_nothing_of_them_stays),
            case!(absent::orders_and_refunds_go_on_without_coupon_and_statusview_and_both_catch_up),
            case!(absent::refunds_are_unavailable_while_delivery_is_down_and_nothing_of_them_stays),
            case!(owned::a_customer_sees_its_own_a_courier_delivers_and_an_operator_sees_all),
            case!(owned::whoever_reaches_a_service_past_the_gateway_finds_it_closed),
        ],
    )
}
