//! `flotilla up` as a user sees it: the real command, with pretended services.

#[cfg(test)]
mod auth;
#[cfg(test)]
mod harbour;

use std::fs;
use std::net::TcpListener;

use harbour::{ALL, Harbour, kill_9, until};
use rustix::process::Signal;

#[tokio::test]
async fn a_fleet_starts_and_says_where_it_is_and_ctrl_c_leaves_nothing_behind() {
    let harbour = Harbour::well();
    let mut flotilla = harbour.up(1, &[]);
    flotilla.is_up().await;
    let running = harbour.running();
    assert_eq!(running.len(), 4);
    let screen = flotilla.screen();
    for (name, port) in ALL.into_iter().zip(harbour.ports) {
        let ready = screen.lines().find(|line| line.contains("ready after") && line.contains(name)).unwrap();
        assert!(ready.ends_with(&format!("127.0.0.1:{port}")), "{ready}");
        assert!(fs::read_to_string(harbour.path(&format!("data/{name}/log.txt"))).unwrap().contains("pretending"));
    }
    assert!(screen.contains(&format!("curl http://127.0.0.1:{}/lifts", harbour.ports[3])), "{screen}");

    flotilla.ctrl_c();
    assert!(flotilla.ended().await.success(), "{}", flotilla.screen());
    harbour.is_left_clean(&running).await;
    let screen = flotilla.screen();
    let stopped =
        |name: &str| screen.find(&format!("  {name:<10} stopped after ")).unwrap_or_else(|| panic!("{screen}"));
    assert!(stopped("gateway") < stopped("crane").min(stopped("boat")), "{screen}");
    assert!(stopped("crane").max(stopped("boat")) < stopped("broker"), "{screen}");
    assert_eq!(flotilla.errors(), "");
}

#[tokio::test]
async fn ports_that_are_taken_are_named_in_one_line_and_nothing_is_started() {
    let harbour = Harbour::well();
    let [_, crane, boat, _] = harbour.ports;
    let _taken = [crane, boat].map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
    let mut flotilla = harbour.up(1, &[]);
    assert_eq!(flotilla.ended().await.code(), Some(1));
    let expected = format!(
        "flotilla: port {crane} (crane) is taken, port {boat} (boat) is taken. \
         Others can be chosen with --port-offset\n"
    );
    assert_eq!(flotilla.errors(), expected);
    assert_eq!(fs::read_dir(harbour.path("data")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_taken_port_of_the_broker_has_a_hint_of_its_own() {
    let harbour = Harbour::well();
    let _taken = TcpListener::bind(("127.0.0.1", harbour.ports[0])).unwrap();
    let mut flotilla = harbour.up(1, &[]);
    assert_eq!(flotilla.ended().await.code(), Some(1));
    assert!(flotilla.errors().contains("(broker) is taken. Others can be chosen with --broker-port"));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_one_line() {
    let harbour = Harbour::well();
    let below_a_file = harbour.path("fleet.toml").join("data");
    let mut flotilla = harbour.up(1, &["--dir", below_a_file.to_str().unwrap()]);
    assert_eq!(flotilla.ended().await.code(), Some(1));
    let errors = flotilla.errors();
    assert!(errors.starts_with(&format!("flotilla: {} cannot be written: ", below_a_file.display())), "{errors}");
    assert_eq!(errors.lines().count(), 1);
}

#[tokio::test]
async fn a_missing_binary_is_one_line() {
    let harbour = Harbour::well();
    fs::remove_file(harbour.path("bin/boat")).unwrap();
    let mut flotilla = harbour.up(1, &[]);
    assert_eq!(flotilla.ended().await.code(), Some(1));
    assert_eq!(flotilla.errors(), format!("flotilla: missing in {}: boat\n", harbour.path("bin").display()));
}

#[tokio::test]
async fn a_second_up_in_the_same_folder_is_refused_and_the_first_goes_on() {
    let harbour = Harbour::well();
    let first = harbour.up(1, &[]);
    first.is_up().await;
    let mut second = harbour.up(2, &[]);
    assert_eq!(second.ended().await.code(), Some(1));
    let errors = second.errors();
    assert!(errors.contains("is in use by another flotilla") && errors.lines().count() == 1, "{errors}");
    assert_eq!(harbour.running().len(), 4);
}

#[tokio::test]
async fn a_process_that_dies_is_started_again_and_that_is_said() {
    let harbour = Harbour::well();
    let mut flotilla = harbour.up(1, &[]);
    flotilla.is_up().await;
    for name in ["crane", "broker"] {
        let before = harbour.process(name);
        kill_9(&before);
        let line = format!("  {name:<10} ended (signal: 9 (SIGKILL)): starting it again in 100 ms (restart 1)");
        flotilla.shows(&line).await;
        flotilla.shows(&format!("  {name:<10} is ready again after ")).await;
        assert_ne!(harbour.process(name), before);
    }
    kill_9(&harbour.process("crane"));
    flotilla.shows("starting it again in 200 ms (restart 2)").await;

    let running = harbour.running();
    flotilla.signal(Signal::TERM);
    assert!(flotilla.ended().await.success());
    harbour.is_left_clean(&running).await;
}

#[tokio::test]
async fn one_that_never_gets_ready_stops_all_others() {
    let harbour = Harbour::where_crane_is("never ready");
    let mut flotilla = harbour.up(1, &["--ready-within", "2s"]);
    until("all are started", || harbour.running().len() == 4).await;
    let running = harbour.running();
    assert_eq!(flotilla.ended().await.code(), Some(1));
    let screen = flotilla.screen();
    assert!(screen.contains("crane was not ready within 2s; the end of "), "{screen}");
    assert!(screen.contains("\n    pretending \"never ready\"\n"), "{screen}");
    assert!(!screen.contains("is up"), "{screen}");
    assert_eq!(flotilla.errors(), "flotilla: the fleet did not start\n");
    harbour.is_left_clean(&running).await;
}

#[tokio::test]
async fn what_a_process_said_before_it_gave_up_is_shown() {
    let harbour = Harbour::where_crane_is("broken");
    let mut flotilla = harbour.up(1, &[]);
    assert_eq!(flotilla.ended().await.code(), Some(1));
    let screen = flotilla.screen();
    assert!(screen.contains("crane ended (exit status: 7) before it was ready; the end of "), "{screen}");
    assert!(screen.contains("\n    the store is of a newer version\n"), "{screen}");
    assert!(!screen.contains("restart"), "{screen}");
    harbour.is_left_clean(&[]).await;
}

#[tokio::test]
async fn whoever_does_not_stop_within_the_grace_is_killed_and_that_is_said() {
    let harbour = Harbour::where_crane_is("deaf");
    let mut flotilla = harbour.up(1, &["--grace", "300ms"]);
    flotilla.is_up().await;
    let running = harbour.running();
    flotilla.ctrl_c();
    assert!(flotilla.ended().await.success());
    flotilla.shows("  crane      did not stop by itself: killed after 3").await;
    harbour.is_left_clean(&running).await;
}

#[tokio::test]
async fn a_second_ctrl_c_kills_at_once() {
    let harbour = Harbour::where_crane_is("deaf");
    let mut flotilla = harbour.up(1, &["--grace", "1h"]);
    flotilla.is_up().await;
    let running = harbour.running();
    flotilla.ctrl_c();
    flotilla.shows("  boat       stopped after ").await;
    flotilla.ctrl_c();
    assert!(flotilla.ended().await.success());
    flotilla.shows("  crane      did not stop by itself: killed after ").await;
    harbour.is_left_clean(&running).await;
}

#[tokio::test]
async fn ctrl_c_while_it_starts_leaves_nothing_behind() {
    let harbour = Harbour::where_crane_is("never ready");
    let mut flotilla = harbour.up(1, &[]);
    until("all are started", || harbour.running().len() == 4).await;
    let running = harbour.running();
    flotilla.ctrl_c();
    assert!(flotilla.ended().await.success());
    harbour.is_left_clean(&running).await;
}

#[tokio::test]
async fn no_process_outlives_a_command_that_was_killed() {
    let harbour = Harbour::well();
    let mut flotilla = harbour.up(1, &[]);
    flotilla.is_up().await;
    let running = harbour.running();
    flotilla.signal(Signal::KILL);
    flotilla.ended().await;
    until("all processes are gone", || running.iter().all(|(_, process)| !process.lives())).await;
}

#[tokio::test]
async fn what_a_killed_command_left_running_is_stopped_by_the_next_one() {
    let harbour = Harbour::where_crane_is("deaf");
    let mut first = harbour.up(1, &[]);
    first.is_up().await;
    let crane = harbour.process("crane");
    first.signal(Signal::KILL);
    first.ended().await;
    assert!(crane.lives());
    let mut second = harbour.up(2, &["--grace", "200ms"]);
    second.is_up().await;
    assert!(!crane.lives());
    let screen = second.screen();
    assert!(screen.contains(&format!("  crane      still runs (process {}): stopping it", crane.pid)), "{screen}");
    assert!(screen.contains("  crane      did not stop in time: killing it"), "{screen}");
    second.ctrl_c();
    second.ended().await;
}
