//! The cleanmall fleet as real processes: its story, its refusals, and the hard cases of its description.
//!
//! `cargo test -p cleanmall-tests` runs all of it on the embedded parts, and on Kafka with `PostgreSQL` too where
//! `FLOTILLA_TEST_KAFKA` and `FLOTILLA_TEST_POSTGRES` name them. What every fleet has in common is tested with matching.

#[cfg(test)]
mod absent;
#[cfg(test)]
mod assigning;
#[cfg(test)]
mod customer;
#[cfg(test)]
mod hostile_requests;
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
            case!(story::a_call_is_taken_assigned_finished_and_another_one_cancelled),
            case!(refused::what_the_management_declines_is_not_taken),
            case!(refused::what_cannot_be_a_call_or_a_cleaner_is_rejected_and_the_field_is_named),
            case!(settling::cleancall_dies_between_asking_management_and_writing_the_answer),
            case!(settling::the_answer_of_management_is_lost),
            case!(settling::without_management_no_call_is_taken),
            case!(assigning::a_call_that_is_cancelled_before_it_reaches_cleanassign_is_never_assigned),
            case!(assigning::calls_that_are_cancelled_at_the_instant_of_their_assignment_leave_all_cleaners_free),
            case!(assigning::a_hundred_calls_and_three_cleaners_with_replicas_that_are_killed_are_served_in_order),
            case!(absent::calls_go_on_without_cleanassign_and_are_assigned_afterwards_oldest_first),
            case!(absent::calls_go_on_without_customer_which_catches_up),
            case!(customer::killed_in_mid_batch_again_and_again_it_writes_each_message_once),
            case!(customer::a_poison_record_is_a_dead_letter_until_it_is_sent_again),
            case!(customer::it_is_rebuilt_from_the_topics),
            case!(owned::a_customer_sees_and_cancels_its_own_and_an_operator_sees_all),
            case!(owned::the_telephone_number_is_in_no_log_and_no_event),
            case!(hostile_requests::no_request_fails_a_service_or_contradicts_the_document),
        ],
    )
}
