//! Assignments on real stores: one call per cleaner and one cleaner per call, whichever process assigns.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod reads;

use std::collections::BTreeSet;
use std::sync::Arc;

use ambient::{Ids, ManualClock, SystemClock, Timestamp};
use chassis::{Host, Scope};
use clap::Parser;
use cleanassign_domain::{Assignment, Cleaner, Name, NotAssigned, State};
use cleanassign_service::{AssignmentRow, CleanAssigns, CleanerRow, DispatchStore, ManagedCalls};
use cleanmanage_contract::{CleanManageCanceled, CleanManageEvent, CleanManaged};
use context::{Config, Context, NoSettings, Repository};
use events::{Envelope, EventSet, TraceContext, encode};
use messaging::{Messaging, Record, RecordPosition};
use store::Store;
use test_stores::random::{cases, deliveries};
use test_stores::{TestStore, on_each_store};

const NOW: Timestamp = Timestamp::from_micros(1_795_246_200_000_000);

/// One process of the cleanassign context, without a broker.
#[derive(Clone)]
struct World {
    store: Store,
    host: Host,
    messaging: Messaging,
    dispatch: DispatchStore,
    policies: Arc<ManagedCalls>,
}

impl World {
    async fn on(place: &TestStore) -> Self {
        let store = place.open(&[messaging::MIGRATIONS, CleanAssigns::MIGRATIONS]).await;
        let ids = Arc::new(Ids::from_entropy(Arc::new(SystemClock)));
        let host = Host::new(Arc::new(ManualClock::at(NOW)), ids);
        let config = Config::<NoSettings>::parse_from(["cleanassign", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, CleanAssigns::NAME, &store, &host);
        let dispatch = DispatchStore::new(&store, messaging.outbox(), host.clock());
        let policies = Arc::new(ManagedCalls::new(dispatch.clone()));
        Self { store, host, messaging, dispatch, policies }
    }

    async fn consume(&self, records: Vec<Record>) {
        assert_eq!(self.messaging.process(&self.policies, records).await.dead, 0);
    }

    fn repository<R: store::Row>(&self) -> Repository<R> {
        Repository::new(&self.store, self.messaging.outbox(), self.host.clock())
    }

    async fn assignment(&self, call: i64) -> Assignment {
        self.repository::<AssignmentRow>().find(&call, &Scope::All).await.unwrap().unwrap()
    }

    async fn cleaner(&self, id: i64) -> Option<Cleaner> {
        self.repository::<CleanerRow>().find(&id, &Scope::All).await.unwrap()
    }

    async fn finish(&self, call: i64) -> Result<Option<Assignment>, NotAssigned> {
        self.dispatch.finish(call, TraceContext::new(&self.host.ids())).await.unwrap()
    }

    /// The cleaner of a call that is assigned.
    async fn cleaner_of(&self, call: i64) -> Option<i64> {
        match self.assignment(call).await.state {
            State::Assigned(assignee) => Some(assignee.id),
            _ => None,
        }
    }

    /// The calls that the cleaners name.
    async fn busy(&self) -> Vec<i64> {
        let sql = "SELECT call_id FROM cleaners WHERE call_id IS NOT NULL ORDER BY call_id";
        sqlx::query_scalar(sql).fetch_all(self.store.reader()).await.unwrap()
    }
}

fn record(event: &CleanManageEvent, time: i64) -> Record {
    let (kind, data) = encode(event).unwrap();
    let (id, subject) = (format!("{kind} {data}"), event.key().to_string());
    let time = Timestamp::from_micros(NOW.as_micros() + time);
    let envelope = Envelope { id, source: "/test/cleanmanage".into(), kind, subject, time, trace: None, data };
    Record::carrying(&envelope, RecordPosition { topic: "test.cleanmanage".into(), partition: 0, offset: 0 })
}

fn managed(call_id: i64, location: Option<&str>) -> Record {
    let event = CleanManaged { call_id, attempt: 1, location: location.map(str::to_owned) };
    record(&event.into(), call_id)
}

fn canceled(call_id: i64) -> Record {
    record(&CleanManageCanceled { call_id, attempt: 1 }.into(), 1_000 + call_id)
}

#[test]
fn a_new_store_has_three_cleaners_and_a_call_waits_for_one_who_is_free() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.consume(vec![managed(1, Some("seoul")), managed(2, Some("seoul")), managed(3, Some("seoul"))]).await;
        assert_eq!((world.cleaner_of(1).await, world.cleaner_of(2).await), (Some(1), Some(3)));
        assert_eq!(world.assignment(3).await.state, State::Waiting);
        assert_eq!(world.finish(3).await, Err(NotAssigned));
        world.finish(2).await.unwrap().unwrap();
        assert_eq!((world.cleaner_of(3).await, world.busy().await), (Some(3), vec![1, 3]));
        world.consume(vec![canceled(1)]).await;
        assert_eq!((world.cleaner(1).await.unwrap().call_id, world.busy().await), (None, vec![3]));
        assert_eq!(world.finish(99).await, Ok(None));
    });
}

#[test]
fn a_registered_cleaner_gets_the_oldest_call_of_their_place_at_once_and_is_removed_only_when_free() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let calls = (1..=4).map(|call| managed(call, Some("jeju"))).collect();
        world.consume(calls).await;
        assert_eq!(world.busy().await, [1]);
        let (name, location) = (Name::new("Choi").unwrap(), Some("jeju".to_owned()));
        let cleaner = Cleaner { id: 9, name, location, idle_since: NOW, call_id: None };
        let trace = TraceContext::new(&world.host.ids());
        let (registered, is_new) = world.dispatch.register(&cleaner, trace).await.unwrap();
        assert_eq!((registered.call_id, is_new), (Some(2), true));
        assert!(!world.dispatch.register(&cleaner, trace).await.unwrap().1);
        assert!(world.dispatch.remove(9).await.unwrap().is_err());
        assert_eq!(world.dispatch.remove(2).await.unwrap(), Ok(true));
        assert_eq!(world.dispatch.remove(2).await.unwrap(), Ok(false));
    });
}

#[test]
fn every_order_and_repetition_of_events_leaves_the_same_calls_open() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for (first, batches) in (0..).zip(cases(20, deliveries(vec![("managed", 1), ("managed", 2), ("canceled", 1)])))
        {
            let call = |number: i64| 10 * (first + 1) + number;
            for batch in &batches {
                let record = |(kind, number): &(&str, i64)| match *kind {
                    "managed" => managed(call(*number), None),
                    _ => canceled(call(*number)),
                };
                world.consume(batch.iter().map(record).collect()).await;
            }
            assert_eq!(world.busy().await, [call(2)], "{batches:?}");
            assert_eq!(world.cleaner_of(call(1)).await, None);
            world.finish(call(2)).await.unwrap();
        }
    });
}

#[test]
fn two_processes_give_no_cleaner_two_calls_and_no_call_two_cleaners() {
    on_each_store(async |place| {
        let worlds = [World::on(place).await, World::on(place).await];
        let mut tasks = vec![];
        for (world, calls) in worlds.iter().cloned().zip([1..=30_i64, 31..=60]) {
            tasks.push(tokio::spawn(async move {
                for call in calls.clone() {
                    world.consume(vec![managed(call, None)]).await;
                    for other in calls.clone().filter(|other| *other <= call) {
                        drop(world.finish(other).await);
                    }
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        let world = &worlds[0];
        // What is left is finished; each call had one cleaner.
        for _ in 0..60 {
            for call in world.busy().await {
                world.finish(call).await.unwrap();
            }
        }
        assert!(world.busy().await.is_empty());
        let sql = "SELECT subject FROM outbox WHERE kind = $1 ORDER BY seq";
        let assigned = sqlx::query_scalar::<_, String>(sql).bind("CleanerAssigned");
        let assigned = assigned.fetch_all(world.store.reader()).await.unwrap();
        let calls: BTreeSet<&String> = assigned.iter().collect();
        assert_eq!((assigned.len(), calls.len()), (60, 60));
    });
}
