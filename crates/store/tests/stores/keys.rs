//! Idempotency keys.

use std::collections::HashSet;

use ambient::Timestamp;
use store::idempotency::{self, Claim, claim};
use test_stores::{TestStore, on_each_store};

const NOW: Timestamp = Timestamp::from_micros(1_795_246_200_000_000);

#[test]
fn a_key_stands_for_the_resource_it_was_first_claimed_for() {
    on_each_store(async |place| {
        let store = place.open(&[idempotency::MIGRATIONS]).await;
        assert_eq!(claim(&store, "key", "request", 1, NOW).await.unwrap(), Claim::Granted(1));
        assert_eq!(claim(&store, "key", "request", 2, NOW).await.unwrap(), Claim::Granted(1));
        assert_eq!(claim(&store, "key", "another request", 3, NOW).await.unwrap(), Claim::UsedForOther);
        assert_eq!(claim(&store, "another key", "request", 4, NOW).await.unwrap(), Claim::Granted(4));
    });
}

#[test]
fn concurrent_claims_of_a_key_get_the_same_resource() {
    on_each_store(async |place: &TestStore| {
        let store = place.open(&[idempotency::MIGRATIONS]).await;
        for round in 0..10_i64 {
            let claims: Vec<_> = (0..10)
                .map(|n| {
                    let store = store.clone();
                    tokio::spawn(async move { claim(&store, &format!("key {round}"), "request", n, NOW).await })
                })
                .collect();
            let mut granted = HashSet::new();
            for claim in claims {
                let Claim::Granted(id) = claim.await.unwrap().unwrap() else { panic!("refused") };
                granted.insert(id);
            }
            assert_eq!(granted.len(), 1);
        }
    });
}
