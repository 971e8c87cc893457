//! Tutors, who are many, and the student who cancels in the same moment.

use chassis::Scope;
use chassis::page::PageRequest;
use test_stores::on_each_store;
use visit_contract::{VisitCanceled, VisitEvent};
use visit_domain::Refusal;
use visit_service::VISITS;

use crate::{World, approved, assigned, match_canceled, payment_canceled};

#[test]
fn of_twenty_tutors_at_once_one_gets_the_visit() {
    on_each_store(async |place| {
        let worlds = [World::on(place).await, World::on(place).await];
        worlds[0].take(vec![approved(1, 1)]).await;
        let tasks: Vec<_> = (0..20_usize)
            .map(|n| {
                let world = worlds[n % 2].clone();
                tokio::spawn(async move { world.assign(1, &format!("tutor {n}")).await })
            })
            .collect();
        let mut visits = vec![];
        for task in tasks {
            match task.await.unwrap() {
                Ok(case) => visits.push(case),
                Err(refusal) => assert_eq!(refusal, Refusal::Assigned),
            }
        }
        assert_eq!(visits.len(), 1);
        assert_eq!(worlds[0].case(1).await, visits[0]);
        assert_eq!(worlds[0].staged(1).await, [assigned(&visits[0])]);
        assert!(worlds[0].listed().await.is_empty());
    });
}

#[test]
fn whoever_was_quicker_the_visit_of_a_cancelled_match_does_not_stand() {
    on_each_store(async |place| {
        let (tutor, student) = (World::on(place).await, World::on(place).await);
        let mut assignments = 0;
        for id in 1..=40 {
            tutor.take(vec![approved(id, 1)]).await;
            let cancel = async {
                if id % 3 == 0 {
                    tokio::task::yield_now().await;
                }
                student.take(vec![match_canceled(id, 1), payment_canceled(id, 1)]).await;
            };
            let (outcome, ()) = tokio::join!(tutor.assign(id, "TEACHER"), cancel);
            let (case, staged) = (tutor.case(id).await, tutor.staged(id).await);
            assert!(case.canceled, "{id}");
            match outcome {
                Ok(case) => {
                    let canceled = VisitEvent::VisitCanceled(VisitCanceled { match_id: id, attempt: 1 });
                    assert_eq!(staged, [assigned(&case), canceled], "{id}");
                    assignments += 1;
                }
                Err(refusal) => assert_eq!((refusal, staged), (Refusal::Canceled, vec![]), "{id}"),
            }
        }
        assert!(assignments > 0, "the tutor was never the quicker one");
        assert!(tutor.listed().await.is_empty());
    });
}

#[test]
fn a_visit_for_what_is_not_listed_is_refused_and_leaves_nothing_behind() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        assert_eq!(world.assign(1, "TEACHER").await, Err(Refusal::NeverPaid));
        world.take(vec![match_canceled(2, 1)]).await;
        assert_eq!(world.assign(2, "TEACHER").await, Err(Refusal::Canceled));
        assert_eq!((world.staged(1).await, world.staged(2).await), (vec![], vec![]));
        let request = PageRequest { size: 10, after: None };
        assert_eq!(world.cases.page(&VISITS, &Scope::All, &request).await.unwrap().0, []);
    });
}

#[test]
fn a_visit_of_an_undone_attempt_is_cancelled_when_the_next_attempt_is_paid() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.take(vec![approved(1, 1)]).await;
        let case = world.assign(1, "TEACHER").await.unwrap();
        world.take(vec![approved(1, 2), payment_canceled(1, 1)]).await;
        let canceled = VisitEvent::VisitCanceled(VisitCanceled { match_id: 1, attempt: 1 });
        assert_eq!(world.staged(1).await, [assigned(&case), canceled]);
        assert_eq!(world.listed().await, [1]);
    });
}
