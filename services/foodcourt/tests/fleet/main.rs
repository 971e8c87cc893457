//! The foodcourt fleet as real processes: its story, its refusals, and the hard cases of its description.
//!
//! `cargo test --test foodcourt` runs all of it on the embedded parts, and on Kafka with `PostgreSQL` too where
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
mod lunch;
#[cfg(test)]
mod owned;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod story;
#[cfg(test)]
mod undecided;

use std::path::Path;
use std::process::ExitCode;

use testkit::{case, run};

fn main() -> ExitCode {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fleet.toml");
    run(
        &manifest,
        &[
            case!(story::a_dish_is_ordered_taken_finished_announced_and_another_order_is_cancelled),
            case!(refused::what_cannot_be_ordered_cancelled_or_cooked_is_rejected_and_the_field_is_named),
            case!(hostile_requests::no_request_fails_a_service_or_contradicts_the_document),
            case!(competing::of_a_cancellation_and_a_kitchen_at_the_same_instant_one_is_told_yes_a_thousand_times),
            case!(undecided::order_dies_after_the_kitchen_said_yes_and_the_order_is_cancelled_without_anyone_asking),
            case!(undecided::a_yes_that_is_lost_on_its_way_is_said_again),
            case!(absent::orders_go_on_without_the_kitchen_and_all_are_there_afterwards_oldest_first_and_none_twice),
            case!(absent::orders_go_on_without_the_board_and_the_accounts_and_both_catch_up),
            case!(late::cooked_that_overtakes_everything_ends_in_the_same_state),
            case!(lunch::each_order_of_a_lunch_in_fifty_shops_is_in_one_kitchen_once),
            case!(owned::a_customer_sees_its_own_orders_a_shop_its_own_and_a_board_the_alarms),
        ],
    )
}
