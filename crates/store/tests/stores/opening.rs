//! Opening a store: migrations, and whatever can be wrong with its place.

use std::time::Duration;

use futures_util::future::join_all;
use store::sqlx::query_scalar;
use store::{Config, Migrations, OpenError, Store};
use test_stores::{on_each_store, on_sqlite};
use tokio::time::{Instant, timeout};

use crate::steps;

const TABLE: (i64, &str) = (1, "CREATE TABLE steps (id BIGINT)");
const ROW: (i64, &str) = (2, "INSERT INTO steps (id) VALUES (2)");

async fn rows(store: &Store) -> i64 {
    query_scalar("SELECT COUNT(*) FROM steps").fetch_one(store.reader()).await.unwrap()
}

async fn refusal(config: &Config, migrations: &[Migrations]) -> OpenError {
    let began = Instant::now();
    let error = timeout(Duration::from_mins(1), Store::open(config, migrations)).await.unwrap().unwrap_err();
    assert!(began.elapsed() < config.store_start_limit / 2, "no retry helps, so none is made: {error}");
    error
}

#[test]
fn a_step_runs_once_however_often_the_store_is_opened() {
    on_each_store(async |place| {
        for _ in 0..3 {
            assert_eq!(rows(&place.open(&[steps(&[TABLE, ROW])]).await).await, 1);
        }
    });
}

#[test]
fn a_step_runs_once_though_four_processes_start_at_the_same_time() {
    on_each_store(async |place| {
        let set = [steps(&[TABLE]), steps(&[ROW])];
        for store in join_all((0..4).map(|_| place.open(&set))).await {
            assert_eq!(rows(&store).await, 1);
        }
    });
}

#[test]
fn later_steps_run_on_what_earlier_ones_have_left() {
    on_each_store(async |place| {
        place.open(&[steps(&[TABLE])]).await;
        assert_eq!(rows(&place.open(&[steps(&[TABLE, ROW])]).await).await, 1);
    });
}

#[test]
fn a_store_of_a_newer_version_is_refused_in_one_clear_line() {
    on_each_store(async |place| {
        place.open(&[steps(&[TABLE, ROW])]).await;
        let error = refusal(&place.config(), &[steps(&[TABLE])]).await;
        assert!(matches!(error, OpenError::Newer(2)), "{error:?}");
        let line = error.to_string();
        assert!(line.contains("newer version") && line.contains("step 2") && line.lines().count() == 1, "{line}");
    });
}

#[test]
fn a_step_that_was_changed_after_it_ran_is_refused() {
    on_each_store(async |place| {
        place.open(&[steps(&[TABLE])]).await;
        let error = refusal(&place.config(), &[steps(&[(1, "CREATE TABLE steps (id BIGINT, more BIGINT)")])]).await;
        assert!(matches!(error, OpenError::Migrate(_)), "{error:?}");
        assert!(error.to_string().contains("migration 1"), "{error}");
    });
}

#[test]
fn a_step_that_fails_leaves_nothing_and_runs_again_once_it_is_mended() {
    on_each_store(async |place| {
        let error = refusal(&place.config(), &[steps(&[TABLE, (2, "INSERT INTO nowhere (id) VALUES (2)")])]).await;
        assert!(matches!(error, OpenError::Migrate(_)), "{error:?}");
        assert_eq!(rows(&place.open(&[steps(&[TABLE, ROW])]).await).await, 1);
    });
}

#[test]
fn a_folder_that_cannot_be_written_is_named_at_once() {
    on_sqlite(async |place| {
        let file = place.folder().join("file");
        std::fs::write(&file, "").unwrap();
        // Root may write everywhere but below a file, and in what the kernel makes up.
        for folder in [file.to_str().unwrap(), "/proc"] {
            let config = Config { store_url: format!("sqlite:{folder}/store.db"), ..place.config() };
            let error = refusal(&config, &[]).await;
            assert!(matches!(error, OpenError::Folder(..)), "{error:?}");
            assert!(error.to_string().contains(folder), "{error}");
        }
    });
}

#[test]
fn a_folder_that_does_not_exist_is_made() {
    on_sqlite(async |place| {
        let store_url = format!("sqlite:{}", place.folder().join("a/b/store.db").display());
        let config = Config { store_url, ..place.config() };
        assert_eq!(rows(&Store::open(&config, &[steps(&[TABLE])]).await.unwrap()).await, 0);
    });
}

#[test]
fn a_url_of_another_kind_is_refused_without_telling_its_password() {
    on_sqlite(async |place| {
        for url in ["mysql://user:secret@host/database", "secret", "", "sqlite:"] {
            let error = refusal(&Config { store_url: url.into(), ..place.config() }, &[]).await;
            assert!(matches!(error, OpenError::Url(_)), "{url}: {error:?}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    });
}

#[test]
fn a_server_that_does_not_answer_is_waited_for_as_long_as_configured_and_no_longer() {
    on_sqlite(async |place| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let config = Config {
            store_url: format!("postgres://user:secret@{address}/database"),
            store_start_limit: Duration::from_secs(1),
            ..place.config()
        };
        let began = Instant::now();
        let error = Store::open(&config, &[]).await.unwrap_err();
        assert!((300..3_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
        assert!(matches!(error, OpenError::Unavailable(_)), "{error:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    });
}
