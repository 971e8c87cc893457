//! The results that members get from a group, in all orders of requests and failures.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::time::Duration;

use ambient::Timestamp;
use bytes::Bytes;
use consumer_group::{Group, Joining, Refusal, Round};
use proptest::prelude::*;

const SESSION: Duration = Duration::from_secs(10);
const REBALANCE: Duration = Duration::from_mins(5);
const START: Timestamp = Timestamp::from_micros(0);

fn joining(protocols: &[&str]) -> Joining {
    let protocols = protocols.iter().map(|name| ((*name).to_owned(), Bytes::from(format!("{name} of it")))).collect();
    Joining { session: SESSION, rebalance: REBALANCE, protocols }
}

/// Joins, and expects the result of the rebalance at once.
fn join(group: &mut Group, now: Timestamp, id: &str) -> Round {
    group.join(now, id, joining(&["range"])).unwrap();
    group.round(now, id).unwrap().unwrap()
}

fn shares(all: &[(&str, &'static str)]) -> Vec<(String, Bytes)> {
    all.iter().map(|(id, share)| ((*id).to_owned(), Bytes::from_static(share.as_bytes()))).collect()
}

#[test]
fn the_first_member_is_the_leader_and_gets_all_partitions() {
    let mut group = Group::default();
    let round = join(&mut group, START, "a");
    let metadata = Bytes::from_static(b"range of it");
    assert_eq!((round.leader.as_str(), round.protocol.as_str()), ("a", "range"));
    assert_eq!(round.members, [("a".to_owned(), metadata)]);
    assert_eq!(group.shared(START, "a", round.generation), Ok(None), "there is no assignment yet");
    group.share(START, "a", round.generation, shares(&[("a", "all")])).unwrap();
    assert_eq!(group.shared(START, "a", round.generation), Ok(Some(Bytes::from_static(b"all"))));
    assert_eq!(group.heartbeat(START, "a", round.generation), Ok(()));
}

#[test]
fn a_second_member_waits_until_the_first_has_joined_again() {
    let mut group = Group::default();
    let first = join(&mut group, START, "a");
    group.share(START, "a", first.generation, shares(&[("a", "all")])).unwrap();
    group.join(START, "b", joining(&["range"])).unwrap();
    assert_eq!(group.round(START, "b"), Ok(None));
    assert_eq!(group.heartbeat(START, "a", first.generation), Err(Refusal::Rebalancing));
    assert_eq!(group.may_commit(START, "a", first.generation), Ok(()), "the next owner begins there");
    let second = join(&mut group, START, "a");
    assert_eq!((second.leader.as_str(), second.members.len()), ("a", 2));
    let follower = group.round(START, "b").unwrap().unwrap();
    assert_eq!((follower.generation, follower.members.len()), (second.generation, 0));
    assert_eq!(group.may_commit(START, "a", first.generation), Err(Refusal::IllegalGeneration));
}

#[test]
fn assignments_of_a_follower_are_ignored_even_when_the_leader_is_dead() {
    let mut group = Group::default();
    let first = join(&mut group, START, "a");
    group.share(START, "a", first.generation, shares(&[("a", "all")])).unwrap();
    group.join(START, "b", joining(&["range"])).unwrap();
    let second = join(&mut group, START, "a");
    // Here a dies. The assignments of b, which are empty, must not become those of the group.
    let late = START.plus(SESSION);
    group.share(late, "b", second.generation, []).unwrap();
    assert_eq!(group.shared(late, "b", second.generation), Ok(None));
    let late = late.plus(Duration::from_millis(1));
    assert_eq!(group.shared(late, "b", second.generation), Err(Refusal::Rebalancing));
    let third = join(&mut group, late, "b");
    assert_eq!((third.leader.as_str(), third.members.len()), ("b", 1));
}

#[test]
fn a_member_that_is_dead_delays_a_new_one_for_its_session_only() {
    let mut group = Group::default();
    let first = join(&mut group, START, "a");
    group.share(START, "a", first.generation, shares(&[("a", "all")])).unwrap();
    group.join(START, "b", joining(&["range"])).unwrap();
    assert_eq!(group.round(START.plus(SESSION), "b"), Ok(None));
    let round = group.round(START.plus(SESSION).plus(Duration::from_millis(1)), "b").unwrap().unwrap();
    assert_eq!((round.leader.as_str(), round.members.len()), ("b", 1));
    assert!(!group.knows(START.plus(SESSION), "a"));
}

#[test]
fn a_member_that_is_alive_but_does_not_join_again_is_removed() {
    let mut group = Group::default();
    let first = join(&mut group, START, "a");
    group.join(START, "b", joining(&["range"])).unwrap();
    let mut now = START;
    while now < START.plus(REBALANCE) {
        assert_eq!(group.heartbeat(now, "a", first.generation), Err(Refusal::Rebalancing));
        assert_eq!(group.round(now, "b"), Ok(None));
        now = now.plus(SESSION);
    }
    assert_eq!(group.round(now, "b").unwrap().unwrap().leader, "b");
    assert_eq!(group.heartbeat(now, "a", first.generation), Err(Refusal::UnknownMember));
}

#[test]
fn a_member_that_leaves_does_not_delay_the_others() {
    let mut group = Group::default();
    let first = join(&mut group, START, "a");
    group.join(START, "b", joining(&["range"])).unwrap();
    group.leave(START, "a").unwrap();
    assert_eq!(group.round(START, "b").unwrap().unwrap().leader, "b");
    assert_eq!(group.leave(START, "a"), Err(Refusal::UnknownMember));
    assert_eq!(group.may_commit(START, "a", first.generation), Err(Refusal::UnknownMember));
}

#[test]
fn the_protocol_is_one_that_all_members_support() {
    let mut group = Group::default();
    group.join(START, "a", joining(&["sticky", "range"])).unwrap();
    assert_eq!(group.round(START, "a").unwrap().unwrap().protocol, "sticky");
    assert_eq!(group.join(START, "b", joining(&["magic"])), Err(Refusal::InconsistentProtocol));
    assert_eq!(group.round(START, "a").unwrap().unwrap().protocol, "sticky", "the group is not disturbed");
    group.join(START, "b", joining(&["range"])).unwrap();
    group.join(START, "a", joining(&["sticky", "range"])).unwrap();
    assert_eq!(group.round(START, "a").unwrap().unwrap().protocol, "range");
}

/// A consumer, as librdkafka behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Consumer {
    Dead,
    Out { id: Option<String> },
    Joining { id: String },
    Syncing { id: String, round: Round },
    Reading { id: String, generation: i32, share: Bytes },
}

#[derive(Debug, Clone)]
enum Act {
    Step(usize),
    Die(usize),
    Live(usize),
    Leave(usize),
    Wait(u64),
}

struct World {
    group: Group,
    now: Timestamp,
    consumers: Vec<Consumer>,
    born: usize,
}

const PARTITIONS: usize = 6;

impl World {
    fn act(&mut self, act: &Act) {
        match *act {
            Act::Step(n) => self.step(n),
            Act::Die(n) => self.consumers[n] = Consumer::Dead,
            Act::Live(n) if self.consumers[n] == Consumer::Dead => self.consumers[n] = Consumer::Out { id: None },
            Act::Live(_) => {}
            Act::Leave(n) => {
                if let Consumer::Reading { id, .. } = &self.consumers[n] {
                    let _left = self.group.leave(self.now, id);
                    self.consumers[n] = Consumer::Dead;
                }
            }
            Act::Wait(millis) => self.now = self.now.plus(Duration::from_millis(millis)),
        }
    }

    fn step(&mut self, n: usize) {
        let again = |id: String, refusal| match refusal {
            Refusal::UnknownMember => Consumer::Out { id: None },
            _ => Consumer::Out { id: Some(id) },
        };
        self.consumers[n] = match self.consumers[n].clone() {
            Consumer::Dead => Consumer::Dead,
            Consumer::Out { id: Some(id) } if !self.group.knows(self.now, &id) => Consumer::Out { id: None },
            Consumer::Out { id } => {
                self.born += 1;
                let id = id.unwrap_or_else(|| format!("{n}-{}", self.born));
                self.group.join(self.now, &id, joining(&["range"])).unwrap();
                Consumer::Joining { id }
            }
            Consumer::Joining { id } => match self.group.round(self.now, &id) {
                Ok(Some(round)) => Consumer::Syncing { id, round },
                Ok(None) => Consumer::Joining { id },
                Err(refusal) => again(id, refusal),
            },
            Consumer::Syncing { id, round } => {
                let shared = self.group.share(self.now, &id, round.generation, divide(&round));
                match shared.and_then(|()| self.group.shared(self.now, &id, round.generation)) {
                    Ok(Some(share)) => Consumer::Reading { id, generation: round.generation, share },
                    Ok(None) => Consumer::Syncing { id, round },
                    Err(refusal) => again(id, refusal),
                }
            }
            Consumer::Reading { id, generation, share } => match self.group.heartbeat(self.now, &id, generation) {
                Ok(()) => Consumer::Reading { id, generation, share },
                Err(refusal) => again(id, refusal),
            },
        };
    }
}

/// The assignments of a leader: one digit per partition. Empty for a follower.
fn divide(round: &Round) -> Vec<(String, Bytes)> {
    let members = round.members.iter().enumerate();
    let mine = |at: usize| (0..PARTITIONS).filter(move |partition| partition % round.members.len() == at);
    members
        .map(|(at, (id, _))| (id.clone(), mine(at).map(|partition| partition.to_string()).collect::<String>().into()))
        .collect()
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        8 => (0..4_usize).prop_map(Act::Step),
        1 => (0..4_usize).prop_map(Act::Die),
        2 => (0..4_usize).prop_map(Act::Live),
        1 => (0..4_usize).prop_map(Act::Leave),
        2 => (0..6_000_u64).prop_map(Act::Wait),
    ];
    prop::collection::vec(act, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_all_orders_of_failures_the_living_consumers_soon_share_all_partitions(acts in acts()) {
        let mut world = World { group: Group::default(), now: START, consumers: vec![Consumer::Dead; 4], born: 0 };
        world.act(&Act::Live(0));
        for act in &acts {
            world.act(act);
        }
        // A consumer that dies while it joins delays twice: the rebalance, and the assignment.
        for _ in 0..80 {
            (0..4).for_each(|n| world.step(n));
            world.act(&Act::Wait(500));
        }
        let living: Vec<_> = world.consumers.iter().filter(|consumer| **consumer != Consumer::Dead).collect();
        let mut read = Vec::new();
        let mut generations = Vec::new();
        for consumer in &living {
            let Consumer::Reading { generation, share, .. } = consumer else { panic!("{consumer:?} does not read") };
            generations.push(*generation);
            read.extend(share.iter().copied());
        }
        read.sort_unstable();
        generations.dedup();
        prop_assert!(generations.len() <= 1, "{:?}", living);
        let expected: &[u8] = if living.is_empty() { b"" } else { b"012345" };
        prop_assert_eq!(read.as_slice(), expected);
    }
}
