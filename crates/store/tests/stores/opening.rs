//! Opening a store: migrations and invalid locations.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::join_all;
use store::sqlx::{AnyConnection, Connection as _, query, query_scalar};
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
fn a_file_needs_no_folder_for_temporary_files() {
    const IN_MEMORY: i64 = 2;
    on_sqlite(async |place| {
        let store = place.open(&[steps(&[TABLE])]).await;
        for pool in [store.reader(), store.writer()] {
            let temporary: i64 = query_scalar("PRAGMA temp_store").fetch_one(pool).await.unwrap();
            assert_eq!(temporary, IN_MEMORY, "a read-only root file system has no folder for temporary files");
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
        // Root may write everywhere except below a file, and in virtual file systems.
        for folder in [file.to_str().unwrap(), "/proc"] {
            let config = Config { store_url: store::file_url(&Path::new(folder).join("store.db")), ..place.config() };
            let error = refusal(&config, &[]).await;
            assert!(matches!(error, OpenError::Folder(..)), "{error:?}");
            assert!(error.to_string().contains(folder), "{error}");
        }
    });
}

#[test]
fn a_folder_that_does_not_exist_is_made() {
    on_sqlite(async |place| {
        let store_url = store::file_url(&place.folder().join("a/b/store.db"));
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
        let error = timeout(Duration::from_mins(1), Store::open(&config, &[])).await.unwrap().unwrap_err();
        assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
        assert!(matches!(error, OpenError::Unavailable(_)), "{error:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    });
}

#[test]
fn no_file_of_a_store_can_be_read_by_others_even_if_an_earlier_version_has_left_it_open() {
    on_sqlite(async |place| {
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let files = || std::fs::read_dir(place.folder()).unwrap().map(|entry| entry.unwrap().path());
        for _ in 0..2 {
            let store = place.open(&[steps(&[TABLE, ROW])]).await;
            let _lead = store.try_acquire_leadership("task").await.unwrap().unwrap();
            query("INSERT INTO steps (id) VALUES (3)").execute(store.writer()).await.unwrap();
            let found: Vec<PathBuf> = files().collect();
            assert_eq!(found.len(), 5, "the database, two beside it, two that are locked: {found:?}");
            assert_eq!(found.iter().filter(|file| mode(file) != 0o600).count(), 0, "{found:?}");
            for file in found {
                std::fs::set_permissions(file, Permissions::from_mode(0o664)).unwrap();
            }
        }
    });
}

#[test]
fn all_files_of_a_store_are_in_its_folder_and_nothing_is_made_beside_it() {
    on_sqlite(async |place| {
        let folder = place.folder().join("a b#c 50%41?d/é");
        let config = Config { store_url: store::file_url(&folder.join("store.db")), ..place.config() };
        let store = Store::open(&config, &[steps(&[TABLE])]).await.unwrap();
        let _lead = store.try_acquire_leadership("task").await.unwrap().unwrap();
        assert_eq!(rows(&store).await, 0);
        let names = |folder: &Path| {
            let entries = std::fs::read_dir(folder).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        assert_eq!(names(place.folder()), ["a b#c 50%41?d"]);
        let expected = ["store.db", "store.db-shm", "store.db-wal", "store.migrate.lock", "store.task.lock"];
        assert_eq!(names(&folder), expected);
        let url = store::driver_url(&config.store_url).unwrap();
        assert_eq!(
            query_scalar::<_, i64>("SELECT COUNT(*) FROM steps")
                .fetch_one(&mut AnyConnection::connect(&url).await.unwrap())
                .await
                .unwrap(),
            0
        );
    });
}
