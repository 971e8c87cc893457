//! The matching fleet as real processes: the table of its interface, and everything that could break it.
//!
//! `cargo test -p matching-tests` runs all of it on the embedded parts, and on Kafka with `PostgreSQL` too where
//! `FLOTILLA_TEST_KAFKA` and `FLOTILLA_TEST_POSTGRES` name them. A part of a name chooses tests: `-- servers::story`.

#[cfg(test)]
mod absent;
#[cfg(test)]
mod any_order;
#[cfg(test)]
mod audited;
#[cfg(test)]
mod breaker;
#[cfg(test)]
mod broker;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod grpc;
#[cfg(test)]
mod hostile_records;
#[cfg(test)]
mod hostile_requests;
#[cfg(test)]
mod http;
#[cfg(test)]
mod kept;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod replicas;
#[cfg(test)]
mod settling;
#[cfg(test)]
mod shutdown;
#[cfg(test)]
mod story;
#[cfg(test)]
mod traced;
#[cfg(test)]
mod views;
#[cfg(test)]
mod visit_away;
#[cfg(test)]
mod whose;

use std::path::Path;
use std::process::ExitCode;

use testkit::{case, run};

fn main() -> ExitCode {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fleet.toml");
    run(
        &manifest,
        &[
            case!(http::requests::a_match_is_requested_paid_and_shown_in_every_form_that_the_table_allows),
            case!(http::requests::the_same_request_again_is_the_same_match_and_another_price_is_a_conflict),
            case!(http::requests::an_idempotency_key_stands_for_one_match),
            case!(http::requests::a_match_is_cancelled_once_however_often_it_is_asked_for),
            case!(http::refusals::what_cannot_be_a_match_is_refused_and_the_field_is_named),
            case!(http::refusals::a_body_that_cannot_be_read_is_refused_each_in_its_own_way),
            case!(http::refusals::without_a_payment_there_is_no_match),
            case!(http::refusals::views_can_only_be_read_and_inner_paths_lead_nowhere),
            case!(http::visits::a_visit_is_assigned_with_a_date_in_any_of_four_forms),
            case!(http::visits::a_visit_that_cannot_be_is_refused),
            case!(http::lists::lists_are_walked_page_by_page_in_their_order),
            case!(http::lists::a_page_that_cannot_be_is_refused),
            case!(story::a_match_goes_from_the_request_to_the_cancelled_visit_and_everybody_sees_each_step),
            case!(story::a_live_stream_shows_each_step_and_resumes_after_the_last_one_seen),
            case!(story::many_matches_are_followed_from_the_request_to_the_end_and_no_stream_skips_a_step),
            case!(grpc::a_match_is_requested_watched_and_cancelled_by_grpc_and_seen_by_rest),
            case!(grpc::what_is_refused_by_a_service_or_by_the_gateway_is_told_in_grpc),
            case!(grpc::whose_a_match_is_holds_by_grpc_too),
            case!(settling::the_match_service_dies_between_asking_for_the_payment_and_writing_down_the_answer),
            case!(settling::payment_approves_after_the_time_limit),
            case!(settling::what_is_undecided_is_counted_until_payment_answers_again),
            case!(settling::a_tutor_assigns_at_the_moment_the_student_cancels),
            case!(any_order::a_cancellation_overtakes_the_payment_on_its_way_to_visit),
            case!(any_order::an_event_that_is_delivered_again_and_again_is_applied_once),
            case!(any_order::what_nobody_can_read_becomes_a_dead_letter_and_the_rest_goes_on),
            case!(any_order::long_records_become_small_dead_letters_and_events_are_published_meanwhile),
            case!(any_order::an_event_that_no_store_could_keep_becomes_a_dead_letter_and_the_rest_goes_on),
            case!(hostile_records::no_record_stops_whoever_reads_a_topic),
            case!(hostile_requests::no_request_fails_a_service_or_contradicts_the_document),
            case!(absent::without_payment_nothing_is_established_and_everything_is_shown),
            case!(absent::without_visit_and_mypage_matches_are_requested_and_cancelled_and_both_catch_up),
            case!(broker::who_waits_for_events_is_told_when_one_comes_and_not_when_the_wait_is_over),
            case!(broker::a_frame_that_is_too_long_or_shorter_than_nothing_ends_its_connection_alone),
            case!(breaker::the_breaker_opens_refuses_at_once_and_closes_alone),
            case!(shutdown::a_request_in_flight_is_answered_and_the_process_ends_in_order),
            case!(shutdown::open_live_streams_end_and_do_not_hold_up_the_end),
            case!(shutdown::every_process_ends_in_order_under_load_and_nothing_is_lost),
            case!(views::a_view_whose_store_is_deleted_is_rebuilt_and_equal_to_what_it_was),
            case!(views::a_view_is_rebuilt_while_it_runs_and_while_matches_are_requested),
            case!(replicas::two_and_then_five_replicas_share_the_work_and_apply_each_event_once),
            case!(replicas::a_replica_of_five_that_is_killed_in_the_middle_of_a_batch_changes_nothing),
            case!(crashes::the_broker_dies_and_comes_back_while_requests_arrive).that_kills_the_broker(),
            case!(crashes::the_whole_fleet_dies_at_once_starts_again_and_settles),
            case!(crashes::answers_of_the_stores_get_lost_while_requests_arrive),
            case!(crashes::consumers_that_die_before_they_commit_their_offsets_have_no_double_effect),
            case!(crashes::of_two_relays_one_publishes_at_a_time_and_its_death_changes_no_order),
            case!(kept::what_a_running_fleet_keeps_can_be_read_by_its_own_user_alone),
            case!(operator::status_shows_each_process_and_what_is_wrong_with_it),
            case!(operator::the_events_of_one_match_are_shown_in_their_order),
            case!(operator::a_dead_letter_is_listed_and_sent_again_until_it_is_handled),
            case!(operator::a_view_is_rebuilt_with_progress_and_what_is_no_view_is_not),
            case!(traced::one_trace_leads_from_the_gateway_through_calls_and_topics_to_the_views),
            case!(traced::a_line_of_a_log_names_the_trace_and_the_match_that_it_is_about),
            case!(whose::a_match_is_its_students_a_visit_its_tutors_and_an_operator_sees_all),
            case!(whose::who_reaches_a_service_past_the_gateway_finds_it_closed),
            case!(whose::no_token_no_pass_and_no_key_is_in_a_log_an_argument_or_an_answer),
            case!(audited::a_fleet_is_sound_after_requests_assignments_and_cancellations),
            case!(audited::a_manipulated_store_and_a_forged_event_are_reported_with_their_history),
            case!(visit_away::visit_is_down_while_a_hundred_thousand_matches_are_requested_and_lists_each_once),
        ],
    )
}
