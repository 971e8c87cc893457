use std::collections::BTreeMap;
use std::time::Duration;

use ambient::Timestamp;
use bytes::Bytes;

/// One consumer group. No call waits: after `None`, the caller repeats the call later, which counts as a heartbeat.
#[derive(Debug, Default)]
pub struct Group {
    generation: i32,
    protocol: String,
    leader: String,
    members: BTreeMap<String, Member>,
    phase: Phase,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Members that have not joined again by the deadline are removed.
    PreparingRebalance { deadline: Timestamp },
    /// The leader has not assigned the partitions yet.
    CompletingRebalance,
    #[default]
    Stable,
}

#[derive(Debug)]
struct Member {
    joining: Joining,
    last_seen: Timestamp,
    /// Whether it has joined the current or the next generation.
    joined: bool,
    assignment: Bytes,
}

/// The request of a consumer to join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joining {
    /// The session timeout.
    pub session: Duration,
    /// The rebalance timeout: how long it may take to join again.
    pub rebalance: Duration,
    /// The assignment protocols that it supports, in order of preference, each with metadata for the leader.
    pub protocols: Vec<(String, Bytes)>,
}

/// The result of a rebalance, once all members have joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// The generation, to be named in each further request.
    pub generation: i32,
    /// The assignment protocol, which all members support.
    pub protocol: String,
    /// The member that assigns the partitions.
    pub leader: String,
    /// For the leader: all members with their metadata. Empty for the others.
    pub members: Vec<(String, Bytes)>,
}

/// Why a request is rejected; each has an error code of Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The member timed out, or never joined. It has to join as a new member.
    #[error("not a member of the group")]
    UnknownMember,
    /// The generation of the request is not the current one.
    #[error("not the current generation")]
    IllegalGeneration,
    /// The group rebalances: the member has to join again.
    #[error("the group is rebalancing")]
    Rebalancing,
    /// No assignment protocol is supported by this member and all others.
    #[error("no assignment protocol is supported by all members")]
    InconsistentProtocol,
}

impl Group {
    /// Whether this is a member whose session has not timed out.
    pub fn knows(&mut self, now: Timestamp, id: &str) -> bool {
        self.expire(now);
        self.members.contains_key(id)
    }

    /// Joins a consumer, for the first time or again, and starts a rebalance. [`Group::round`] has its result.
    pub fn join(&mut self, now: Timestamp, id: &str, joining: Joining) -> Result<(), Refusal> {
        self.expire(now);
        let others = self.members.iter().filter(|(other, _)| *other != id).map(|(_, member)| &member.joining);
        if common_protocol([&joining].into_iter().chain(others)).is_none() {
            return Err(Refusal::InconsistentProtocol);
        }
        let member = Member { joining, last_seen: now, joined: true, assignment: Bytes::new() };
        self.members.insert(id.to_owned(), member);
        self.prepare_rebalance(now);
        self.member(now, id)?.joined = true;
        self.complete_if_joined(now);
        Ok(())
    }

    /// The result of the rebalance for a member that has joined; `None` until all have.
    pub fn round(&mut self, now: Timestamp, id: &str) -> Result<Option<Round>, Refusal> {
        // The call itself shows that the member still waits, perhaps since an earlier rebalance.
        self.member(now, id)?.joined = true;
        self.expire(now);
        self.complete_if_joined(now);
        if matches!(self.phase, Phase::PreparingRebalance { .. }) {
            return Ok(None);
        }
        let all = self.members.iter().filter(|_| id == self.leader);
        let members = all.map(|(id, member)| (id.clone(), member.joining.metadata(&self.protocol))).collect();
        let (protocol, leader) = (self.protocol.clone(), self.leader.clone());
        Ok(Some(Round { generation: self.generation, protocol, leader, members }))
    }

    /// Sets the assignments of all members, if the caller is the leader. Assignments of other members are ignored.
    pub fn share(
        &mut self,
        now: Timestamp,
        id: &str,
        generation: i32,
        shares: impl IntoIterator<Item = (String, Bytes)>,
    ) -> Result<(), Refusal> {
        self.check_current(now, id, generation)?;
        if self.phase != Phase::CompletingRebalance || id != self.leader {
            return Ok(());
        }
        for (id, assignment) in shares {
            if let Some(member) = self.members.get_mut(&id) {
                member.assignment = assignment;
            }
        }
        self.phase = Phase::Stable;
        Ok(())
    }

    /// The assignment of a member; `None` until the leader has set it.
    pub fn shared(&mut self, now: Timestamp, id: &str, generation: i32) -> Result<Option<Bytes>, Refusal> {
        self.check_current(now, id, generation)?;
        let assignment = self.member(now, id)?.assignment.clone();
        Ok((self.phase == Phase::Stable).then_some(assignment))
    }

    /// Extends the session of a member.
    pub fn heartbeat(&mut self, now: Timestamp, id: &str, generation: i32) -> Result<(), Refusal> {
        self.check_current(now, id, generation)
    }

    /// Whether a member may commit offsets: also during a rebalance, so that the next owner starts there.
    pub fn may_commit(&mut self, now: Timestamp, id: &str, generation: i32) -> Result<(), Refusal> {
        match self.check_current(now, id, generation) {
            Err(Refusal::Rebalancing) => Ok(()),
            other => other,
        }
    }

    /// Removes a member, and starts a rebalance.
    pub fn leave(&mut self, now: Timestamp, id: &str) -> Result<(), Refusal> {
        self.members.remove(id).ok_or(Refusal::UnknownMember)?;
        self.prepare_rebalance(now);
        self.complete_if_joined(now);
        Ok(())
    }

    fn member(&mut self, now: Timestamp, id: &str) -> Result<&mut Member, Refusal> {
        let member = self.members.get_mut(id).ok_or(Refusal::UnknownMember)?;
        member.last_seen = now;
        Ok(member)
    }

    fn check_current(&mut self, now: Timestamp, id: &str, generation: i32) -> Result<(), Refusal> {
        self.member(now, id)?;
        self.expire(now);
        match self.phase {
            _ if generation != self.generation => Err(Refusal::IllegalGeneration),
            Phase::PreparingRebalance { .. } => Err(Refusal::Rebalancing),
            Phase::CompletingRebalance | Phase::Stable => Ok(()),
        }
    }

    /// Removes members whose sessions have timed out, and rebalances the others.
    fn expire(&mut self, now: Timestamp) {
        let before = self.members.len();
        self.members.retain(|_, member| now.since(member.last_seen) <= member.joining.session);
        if self.members.len() < before {
            self.prepare_rebalance(now);
            self.complete_if_joined(now);
        }
    }

    /// Starts a rebalance, unless one is being prepared: all members have to join again.
    fn prepare_rebalance(&mut self, now: Timestamp) {
        if matches!(self.phase, Phase::PreparingRebalance { .. }) {
            return;
        }
        let longest = self.members.values().map(|member| member.joining.rebalance).max().unwrap_or_default();
        self.phase = Phase::PreparingRebalance { deadline: now.plus(longest) };
        self.members.values_mut().for_each(|member| member.joined = false);
    }

    /// Begins the next generation if all members have joined, or at the deadline with those that have.
    fn complete_if_joined(&mut self, now: Timestamp) {
        let Phase::PreparingRebalance { deadline } = self.phase else { return };
        if now >= deadline {
            self.members.retain(|_, member| member.joined);
        }
        if self.members.values().any(|member| !member.joined) {
            return;
        }
        self.generation += 1;
        self.protocol = common_protocol(self.members.values().map(|member| &member.joining)).unwrap_or_default();
        if !self.members.contains_key(&self.leader) {
            self.leader = self.members.keys().next().cloned().unwrap_or_default();
        }
        self.phase = if self.members.is_empty() { Phase::Stable } else { Phase::CompletingRebalance };
        for member in self.members.values_mut() {
            (member.last_seen, member.assignment) = (now, Bytes::new());
        }
    }
}

impl Joining {
    fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols
            .iter()
            .find(|(name, _)| name == protocol)
            .map(|(_, metadata)| metadata.clone())
            .unwrap_or_default()
    }
}

/// The most preferred protocol of the first member that all members support.
fn common_protocol<'m>(members: impl Iterator<Item = &'m Joining>) -> Option<String> {
    let members: Vec<&Joining> = members.collect();
    let supports = |joining: &Joining, protocol: &str| joining.protocols.iter().any(|(name, _)| name == protocol);
    let mut preferred = members.first()?.protocols.iter().map(|(name, _)| name);
    preferred.find(|name| members.iter().all(|member| supports(member, name))).cloned()
}
