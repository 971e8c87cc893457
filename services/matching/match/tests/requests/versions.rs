//! Replicas of two versions on one store, as during a rolling update.

use chassis::Scope;
use match_domain::Match;
use match_service::{Approval, Canceled};
use test_stores::on_each_store;

use crate::{World, first, id};

#[test]
fn a_replica_goes_on_when_a_later_version_adds_a_column() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let all = async || {
            world.request(1, 10).await;
            world.payments.answer([Approval::Unknown]);
            world.request(2, 10).await;
            assert_eq!(world.recovery.settle_due().await.unwrap(), 1);
            assert!(matches!(world.matches.find(id(2)).await.unwrap(), Some(Match::Void(_))));
            assert!(world.shown(1).await.is_some());
            assert_eq!(world.app.page(&Scope::All, 0, 10).await.unwrap().items.len(), 1);
            let own = Scope::Own("kim".to_owned());
            assert_eq!(world.app.page(&own, 0, 10).await.unwrap().items, []);
            assert!(matches!(world.app.cancel(id(1), None, world.trace()).await.unwrap(), Canceled::Yes(_)));
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
        let kims = match_domain::Case { student: Some(match_domain::Student::new("kim").unwrap()), ..first(1, 10) };
        assert!(world.matches.begin(&kims, crate::NOW).await.unwrap());
        // It knows six columns, and writes rows whole.
        let before = "INSERT INTO matches (id, attempt, price, phase, step, settle_at) \
                      VALUES ($1, $2, 10, 'established', 'matchCanceled', 0) ON CONFLICT (id) DO UPDATE SET \
                      attempt = excluded.attempt, price = excluded.price, phase = excluded.phase, step = excluded.step, \
                      settle_at = excluded.settle_at";
        for number in [1, 2] {
            let write = sqlx::query(before).bind(number).bind(kims.attempt);
            write.execute(world.store.writer()).await.unwrap();
        }
        assert_eq!(world.shown(1).await.unwrap().case, kims);
        assert_eq!(world.shown(2).await.unwrap().case, first(2, 10), "it is nobody's");
    });
}
