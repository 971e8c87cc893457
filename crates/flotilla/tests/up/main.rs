//! Tests of `flotilla up`: the real command with stub services.

#[cfg(test)]
mod auth;
#[cfg(test)]
mod harbour;

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use harbour::{ALL, Harbour, kill_9, open_to_others, until};
use rustix::process::Signal;
use tokio::time::Instant;

#[tokio::test]
async fn a_fleet_starts_and_prints_its_addresses_and_ctrl_c_leaves_nothing_behind() {
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
        |name: &str| screen.find(&format!("  {name:<12} stopped after ")).unwrap_or_else(|| panic!("{screen}"));
    assert!(stopped("gateway") < stopped("crane").min(stopped("boat")), "{screen}");
    assert!(stopped("crane").max(stopped("boat")) < stopped("broker"), "{screen}");
    assert_eq!(flotilla.errors(), "");
}

#[tokio::test]
async fn ports_that_are_taken_are_named_in_one_line_and_nothing_is_started() {
    let harbour = Harbour::well();
    let [_, crane, boat, _] = harbour.ports;
    let _taken = [crane, boat].map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
    let mut flotilla = harbour.up(1, &["--port-offset", "0"]);
    assert_eq!(flotilla.ended().await.code(), Some(1));
    let expected = format!(
        "flotilla: port {crane} (crane) is taken, port {boat} (boat) is taken. \
         Others can be chosen with --port-offset\n"
    );
    assert_eq!(flotilla.errors(), expected);
    assert_eq!(fs::read_dir(harbour.path("data")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_second_fleet_starts_beside_the_first_on_ports_that_are_100_higher_and_other_commands_find_it() {
    let harbour = Harbour::with_room_above();
    let mut first = harbour.up(1, &[]);
    first.is_up().await;
    let second_data = harbour.path("second");
    let broker = (harbour.ports[0] + 100).to_string();
    let in_second = ["--dir", second_data.to_str().unwrap(), "--broker-port", &broker];
    let mut second = harbour.up(2, &in_second);
    second.is_up().await;
    let line = second.screen().lines().nth(1).unwrap_or_default().to_owned();
    assert!(line.starts_with(&format!("port {} (crane) is taken, ", harbour.port("crane"))), "{line}");
    assert!(line.ends_with("(gateway) is taken: all ports are 100 higher"), "{line}");
    let own = |name: &str| format!("http://127.0.0.1:{}", harbour.port(name));
    let other = |name: &str| format!("http://127.0.0.1:{}", harbour.port(name) + 100);
    let status = harbour.run("status", &in_second).await;
    assert!(["crane", "boat", "gateway"].iter().all(|name| status.contains(&other(name))), "{status}");
    let status = harbour.run("status", &[]).await;
    assert!(["crane", "boat", "gateway"].iter().all(|name| status.contains(&own(name))), "{status}");
    for fleet in [&mut first, &mut second] {
        fleet.ctrl_c();
        assert!(fleet.ended().await.success(), "{}", fleet.screen());
    }
    let mut alone = harbour.up(3, &in_second);
    alone.is_up().await;
    assert!(alone.screen().contains(&own("gateway")), "{}", alone.screen());
    let status = harbour.run("status", &in_second).await;
    assert!(status.contains(&own("crane")), "{status}");
    alone.ctrl_c();
    alone.ended().await;
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
async fn a_process_that_dies_is_restarted_and_that_is_printed() {
    let harbour = Harbour::well();
    let mut flotilla = harbour.up(1, &[]);
    flotilla.is_up().await;
    for name in ["crane", "broker"] {
        let before = harbour.process(name);
        kill_9(&before);
        let line = format!("  {name:<12} ended (signal: 9 (SIGKILL)): starting it again in 100 ms (restart 1)");
        flotilla.shows(&line).await;
        flotilla.shows(&format!("  {name:<12} is ready again after ")).await;
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
async fn the_last_log_lines_of_a_failed_start_are_shown() {
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
async fn a_process_that_does_not_stop_within_the_grace_period_is_killed_and_that_is_printed() {
    let harbour = Harbour::where_crane_is("deaf");
    let mut flotilla = harbour.up(1, &["--grace", "300ms"]);
    flotilla.is_up().await;
    let running = harbour.running();
    flotilla.ctrl_c();
    assert!(flotilla.ended().await.success());
    flotilla.shows("  crane        did not stop by itself: killed after 3").await;
    harbour.is_left_clean(&running).await;
}

#[tokio::test]
async fn a_second_ctrl_c_kills_at_once() {
    let harbour = Harbour::where_crane_is("deaf");
    let mut flotilla = harbour.up(1, &["--grace", "1h"]);
    flotilla.is_up().await;
    let running = harbour.running();
    flotilla.ctrl_c();
    flotilla.shows("  boat         stopped after ").await;
    flotilla.ctrl_c();
    assert!(flotilla.ended().await.success());
    flotilla.shows("  crane        did not stop by itself: killed after ").await;
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
    until("all processes are gone", || running.iter().all(|(_, process)| !process.is_alive())).await;
}

#[tokio::test]
async fn orphans_of_a_killed_command_are_stopped_by_the_next_one() {
    let harbour = Harbour::where_crane_is("deaf");
    let mut first = harbour.up(1, &[]);
    first.is_up().await;
    let crane = harbour.process("crane");
    first.signal(Signal::KILL);
    first.ended().await;
    assert!(crane.is_alive());
    let mut second = harbour.up(2, &["--grace", "200ms"]);
    second.is_up().await;
    assert!(!crane.is_alive());
    let screen = second.screen();
    assert!(screen.contains(&format!("  crane        still runs (process {}): stopping it", crane.pid)), "{screen}");
    assert!(screen.contains("  crane        did not stop in time: killing it"), "{screen}");
    second.ctrl_c();
    second.ended().await;
}

#[tokio::test]
async fn after_a_kill_orphans_that_do_not_end_are_killed_at_once_and_the_next_start_answers_requests() {
    let harbour = Harbour::where_crane_is("deaf");
    let mut first = harbour.up(1, &[]);
    first.is_up().await;
    let (crane, others) = (harbour.process("crane"), harbour.running());
    first.signal(Signal::KILL);
    first.ended().await;
    // The grace period of 30 s applies to a graceful stop only.
    let began = Instant::now();
    let mut second = harbour.up(2, &["--grace", "30s"]);
    second.shows("orphaned processes are gone after ").await;
    assert!(others.iter().all(|(_, process)| !process.is_alive()));
    second.is_up().await;
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(!crane.is_alive() && harbour.process("crane").is_alive());
    let screen = second.screen();
    let in_order = ["still runs", "did not stop in time: killing it", "are gone after", "ready after", "is up after"];
    let places: Vec<usize> =
        in_order.iter().map(|text| screen.find(text).unwrap_or_else(|| panic!("{screen}"))).collect();
    assert!(places.is_sorted(), "{screen}");
    let gateway = format!("http://127.0.0.1:{}/readyz", harbour.ports[3]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    assert_eq!(client.get(gateway).send().await.unwrap().status(), 200);
    second.ctrl_c();
    second.shows("  boat         stopped after ").await;
    second.ctrl_c();
    second.ended().await;
}

#[tokio::test]
async fn a_process_whose_id_was_given_to_another_one_is_left_alone() {
    let harbour = Harbour::well();
    let mut stranger = tokio::process::Command::new("sleep").arg("1000").kill_on_drop(true).spawn().unwrap();
    fs::create_dir(harbour.path("data")).unwrap();
    let pid = stranger.id().unwrap();
    fs::write(harbour.path("data/pids"), format!("crane {pid} 1 /usr/bin/sleep\n")).unwrap();
    let mut flotilla = harbour.up(1, &[]);
    flotilla.is_up().await;
    assert!(!flotilla.screen().contains("still runs"), "{}", flotilla.screen());
    assert!(stranger.try_wait().unwrap().is_none());
    flotilla.ctrl_c();
    flotilla.ended().await;
}

#[tokio::test]
async fn no_file_of_a_fleet_can_be_read_by_other_users_even_if_an_earlier_version_left_it_readable() {
    let harbour = Harbour::well();
    let data = harbour.path("data");
    fs::create_dir_all(data.join("crane/below")).unwrap();
    for (file, mode) in
        [("lock", 0o644), ("crane/store.db", 0o666), ("crane/below/file", 0o640), ("crane/log.txt", 0o604)]
    {
        fs::write(data.join(file), "").unwrap();
        fs::set_permissions(data.join(file), Permissions::from_mode(mode)).unwrap();
    }
    for folder in ["", "crane", "crane/below"] {
        fs::set_permissions(data.join(folder), Permissions::from_mode(0o755)).unwrap();
    }
    let mut flotilla = harbour.up(1, &["--auth"]);
    flotilla.is_up().await;
    assert_eq!(open_to_others(&data), [""; 0]);
    flotilla.ctrl_c();
    flotilla.ended().await;
    assert_eq!(open_to_others(&data), [""; 0]);
}

#[tokio::test]
async fn logs_rotate_while_their_process_runs_and_no_line_is_lost() {
    let harbour = Harbour::where_crane_is("chatty");
    let mut flotilla = harbour.up(1, &["--log-limit", "20000", "--logs-kept", "2"]);
    flotilla.is_up().await;
    let log = |name: &str| harbour.path(&format!("data/crane/{name}"));
    let numbers = |name: &str| {
        let text = fs::read_to_string(log(name)).unwrap_or_default();
        text.lines().filter_map(|line| line.get(..9)?.parse::<u64>().ok()).collect::<Vec<_>>()
    };
    // When the first line is in none of the kept files, each of them is the result of a rotation.
    until("the third rotation", || numbers("log.2.txt").first().is_some_and(|first| *first > 1)).await;
    flotilla.ctrl_c();
    flotilla.ended().await;
    let all: Vec<u64> = ["log.2.txt", "log.1.txt", "log.txt"].into_iter().flat_map(numbers).collect();
    let gap = all.windows(2).find(|pair| pair[1] != pair[0] + 1);
    assert_eq!(gap, None, "{} lines", all.len());
    assert!(!log("log.3.txt").exists());
    for name in ["log.2.txt", "log.1.txt"] {
        let size = fs::metadata(log(name)).unwrap().len();
        // On a busy machine the rotation may be late, by much less than the total output.
        assert!((20_000..2_000_000).contains(&size), "{name} has {size} bytes");
    }
}
