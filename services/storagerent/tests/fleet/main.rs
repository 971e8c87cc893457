//! The storagerent fleet as real processes: its story, its refusals, and the hard cases of its description.
//!
//! `cargo test -p storagerent-tests` runs all of it on the embedded parts, and on Kafka with `PostgreSQL` too where
//! `FLOTILLA_TEST_KAFKA` and `FLOTILLA_TEST_POSTGRES` name them. What every fleet has in common is tested with matching.

#[cfg(test)]
mod absent;
#[cfg(test)]
mod competing;
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
            case!(story::a_room_is_registered_reserved_reviewed_cancelled_and_reserved_by_another_customer),
            case!(refused::what_cannot_be_reserved_is_rejected_and_nothing_is_paid),
            case!(refused::what_cannot_be_a_room_or_a_review_is_rejected_and_the_field_is_named),
            case!(hostile_requests::no_request_fails_a_service_or_contradicts_the_document),
            case!(competing::of_a_thousand_customers_of_one_room_one_reserves_it_and_pays),
            case!(competing::ten_rounds_of_competition_while_processes_are_killed_have_one_winner_each),
            case!(settling::reservation_dies_between_holding_paying_establishing_and_answering),
            case!(settling::payment_approves_after_the_time_limit),
            case!(settling::the_reply_of_storage_to_a_hold_is_lost),
            case!(late::events_of_an_earlier_reservation_change_nothing_of_a_later_one),
            case!(absent::reservations_go_on_without_message_and_viewpage_and_both_catch_up),
            case!(absent::a_payment_that_dies_and_restarts_loses_no_reservation),
            case!(owned::a_customer_sees_and_cancels_its_own_and_a_manager_sees_all),
        ],
    )
}
