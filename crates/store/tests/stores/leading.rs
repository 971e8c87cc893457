//! Leadership of a task.

use store::Store;
use store::sqlx::{Executor, query};
use test_stores::{eventually, on_each_store, on_postgres};

async fn leads(store: &Store, task: &'static str) -> bool {
    store.try_acquire_leadership(task).await.unwrap().is_some()
}

#[test]
fn one_leads_at_a_time_and_when_it_ends_the_next_one_does() {
    on_each_store(async |place| {
        let (one, other) = (place.open(&[]).await, place.open(&[]).await);
        let lead = one.try_acquire_leadership("task").await.unwrap().expect("there is no leader yet");
        for _ in 0..3 {
            assert!(!leads(&other, "task").await);
            assert!(!leads(&one, "task").await, "not even twice in one process");
        }
        drop(lead);
        eventually("the next one leads", async || leads(&other, "task").await).await;
    });
}

#[test]
fn different_tasks_may_have_different_leaders() {
    on_each_store(async |place| {
        let (one, other) = (place.open(&[]).await, place.open(&[]).await);
        let _lead = one.try_acquire_leadership("task").await.unwrap().unwrap();
        assert!(leads(&other, "another").await);
    });
}

#[test]
fn a_leader_writes_through_its_lead() {
    on_each_store(async |place| {
        let store = place.open(&[crate::steps(&[(1, "CREATE TABLE things (id BIGINT)")])]).await;
        let mut lead = store.try_acquire_leadership("task").await.unwrap().unwrap();
        for id in [1_i64, 2] {
            let mut session = lead.session().await.unwrap();
            query("INSERT INTO things (id) VALUES ($1)").bind(id).execute(&mut *session).await.unwrap();
        }
        assert_eq!(query("SELECT * FROM things").fetch_all(store.reader()).await.unwrap().len(), 2);
    });
}

#[test]
fn a_leader_that_the_server_cut_off_cannot_write_and_another_one_leads() {
    on_postgres(async |place| {
        let (one, other) = (place.open(&[]).await, place.open(&[]).await);
        let mut lead = one.try_acquire_leadership("task").await.unwrap().unwrap();
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON pg_database.oid = database \
                   WHERE locktype = 'advisory' AND datname = current_database()";
        other.reader().execute(sql).await.unwrap();
        eventually("another one leads", async || leads(&other, "task").await).await;
        let mut session = lead.session().await.unwrap();
        query("SELECT 1").execute(&mut *session).await.unwrap_err();
    });
}
