//! Replicas of two versions on one store, as during a rolling update.

use chassis::Principal;
use context::saga::Reply;
use match_domain::Match;
use test_stores::on_each_store;

use crate::whose::{ask, get, student};
use crate::{World, first};

#[test]
fn a_replica_goes_on_when_a_later_version_adds_a_column() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let all = async || {
            world.request(1, 10).await;
            world.payments.answer([Reply::Unknown]);
            world.request(2, 10).await;
            assert_eq!(world.saga.recover_due().await.unwrap(), 1);
            assert!(matches!(world.find(2).await, Some(Match::Void(_))));
            assert!(world.shown(1).await.is_some());
            for (principal, listed) in [(Principal::Unauthenticated, 1), (student("kim"), 0)] {
                let (_, page) = ask(&world, &principal, get("/matches")).await;
                assert_eq!(page["_embedded"]["matches"].as_array().unwrap().len(), listed);
            }
            assert!(world.cancel(1).await.is_some());
        };
        // So that its connections have prepared what they ask.
        all().await;
        let later = "ALTER TABLE matches ADD COLUMN later TEXT";
        sqlx::raw_sql(later).execute(world.another(place).await.store.writer()).await.unwrap();
        all().await;
    });
}

#[test]
fn what_the_version_before_writes_leaves_the_student_alone() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let kims = match_domain::MatchAttempt { student: Some(ambient::Subject::new("kim").unwrap()), ..first(1, 10) };
        world.begin(&kims, crate::NOW).await;
        // It knows six columns, and writes rows whole.
        let before = "INSERT INTO matches (id, attempt, price, phase, step, settle_at) \
                      VALUES ($1, $2, 10, 'established', 'matchCanceled', 0) ON CONFLICT (id) DO UPDATE SET \
                      attempt = excluded.attempt, price = excluded.price, phase = excluded.phase, step = excluded.step, \
                      settle_at = excluded.settle_at";
        for number in [1, 2] {
            let write = sqlx::query(before).bind(number).bind(kims.number);
            write.execute(world.store.writer()).await.unwrap();
        }
        assert_eq!(world.shown(1).await.unwrap().attempt, kims);
        assert_eq!(world.shown(2).await.unwrap().attempt, first(2, 10), "it is nobody's");
    });
}
