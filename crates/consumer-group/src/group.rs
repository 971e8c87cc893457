use std::collections::BTreeMap;
use std::time::Duration;

use ambient::Timestamp;
use bytes::Bytes;

/// One consumer group. Nothing in it waits: whoever is told `None` asks again later, and lives meanwhile.
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
    /// Who has not joined again by then is no member any more.
    Gathering { until: Timestamp },
    /// The leader decides who reads what.
    Sharing,
    #[default]
    Stable,
}

#[derive(Debug)]
struct Member {
    joining: Joining,
    seen: Timestamp,
    joined: bool,
    share: Bytes,
}

/// How a consumer joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joining {
    /// How long it may be silent.
    pub session: Duration,
    /// How long it may take to join again.
    pub rebalance: Duration,
    /// The ways to share that it knows, the best first, each with what the leader has to know.
    pub protocols: Vec<(String, Bytes)>,
}

/// What a member is told when all have joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// Marks everything that belongs to this round.
    pub generation: i32,
    /// The way to share that all know.
    pub protocol: String,
    /// Who shares.
    pub leader: String,
    /// For the leader: every member, and what it said. Empty for all others.
    pub members: Vec<(String, Bytes)>,
}

/// Why something is not possible. A consumer knows from it what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It was silent for too long, or never joined: it joins as a new member.
    #[error("it is no member of the group")]
    UnknownMember,
    /// It speaks of a round that is over.
    #[error("another generation has begun")]
    IllegalGeneration,
    /// It has to join again.
    #[error("the group gathers")]
    Rebalancing,
    /// The others know none of its ways to share.
    #[error("there is no way to share that all members know")]
    InconsistentProtocol,
}

impl Group {
    /// Whether this is a member, if its silence was not too long.
    pub fn knows(&mut self, now: Timestamp, id: &str) -> bool {
        self.expire(now);
        self.members.contains_key(id)
    }

    /// A consumer joins, for the first time or again: the group gathers. [`Group::round`] tells how it ends.
    pub fn join(&mut self, now: Timestamp, id: &str, joining: Joining) -> Result<(), Refusal> {
        self.expire(now);
        let others = self.members.iter().filter(|(other, _)| *other != id).map(|(_, member)| &member.joining);
        if common([&joining].into_iter().chain(others)).is_none() {
            return Err(Refusal::InconsistentProtocol);
        }
        let member = Member { joining, seen: now, joined: true, share: Bytes::new() };
        self.members.insert(id.to_owned(), member);
        self.gather(now);
        self.member(now, id)?.joined = true;
        self.advance(now);
        Ok(())
    }

    /// What a member that has joined is told, once all have.
    pub fn round(&mut self, now: Timestamp, id: &str) -> Result<Option<Round>, Refusal> {
        // It still waits for its answer, perhaps since an earlier round.
        self.member(now, id)?.joined = true;
        self.expire(now);
        self.advance(now);
        if matches!(self.phase, Phase::Gathering { .. }) {
            return Ok(None);
        }
        let all = self.members.iter().filter(|_| id == self.leader);
        let members = all.map(|(id, member)| (id.clone(), member.joining.metadata(&self.protocol))).collect();
        let (protocol, leader) = (self.protocol.clone(), self.leader.clone());
        Ok(Some(Round { generation: self.generation, protocol, leader, members }))
    }

    /// The leader says who reads what. What others say here, which is nothing, is not heard.
    pub fn share(
        &mut self,
        now: Timestamp,
        id: &str,
        generation: i32,
        shares: impl IntoIterator<Item = (String, Bytes)>,
    ) -> Result<(), Refusal> {
        self.must_be_current(now, id, generation)?;
        if self.phase != Phase::Sharing || id != self.leader {
            return Ok(());
        }
        for (id, share) in shares {
            if let Some(member) = self.members.get_mut(&id) {
                member.share = share;
            }
        }
        self.phase = Phase::Stable;
        Ok(())
    }

    /// What a member reads, once the leader has said so.
    pub fn shared(&mut self, now: Timestamp, id: &str, generation: i32) -> Result<Option<Bytes>, Refusal> {
        self.must_be_current(now, id, generation)?;
        let share = self.member(now, id)?.share.clone();
        Ok((self.phase == Phase::Stable).then_some(share))
    }

    /// A member lives.
    pub fn heartbeat(&mut self, now: Timestamp, id: &str, generation: i32) -> Result<(), Refusal> {
        self.must_be_current(now, id, generation)
    }

    /// Whether a member may say how far it is: also while the group gathers, so that the next owner begins there.
    pub fn may_commit(&mut self, now: Timestamp, id: &str, generation: i32) -> Result<(), Refusal> {
        match self.must_be_current(now, id, generation) {
            Err(Refusal::Rebalancing) => Ok(()),
            other => other,
        }
    }

    /// A member goes.
    pub fn leave(&mut self, now: Timestamp, id: &str) -> Result<(), Refusal> {
        self.members.remove(id).ok_or(Refusal::UnknownMember)?;
        self.gather(now);
        self.advance(now);
        Ok(())
    }

    fn member(&mut self, now: Timestamp, id: &str) -> Result<&mut Member, Refusal> {
        let member = self.members.get_mut(id).ok_or(Refusal::UnknownMember)?;
        member.seen = now;
        Ok(member)
    }

    fn must_be_current(&mut self, now: Timestamp, id: &str, generation: i32) -> Result<(), Refusal> {
        self.member(now, id)?;
        self.expire(now);
        match self.phase {
            _ if generation != self.generation => Err(Refusal::IllegalGeneration),
            Phase::Gathering { .. } => Err(Refusal::Rebalancing),
            Phase::Sharing | Phase::Stable => Ok(()),
        }
    }

    /// Removes who was silent for too long; the others share anew.
    fn expire(&mut self, now: Timestamp) {
        let before = self.members.len();
        self.members.retain(|_, member| now.since(member.seen) <= member.joining.session);
        if self.members.len() < before {
            self.gather(now);
            self.advance(now);
        }
    }

    /// All have to join again, unless they are about to.
    fn gather(&mut self, now: Timestamp) {
        if matches!(self.phase, Phase::Gathering { .. }) {
            return;
        }
        let longest = self.members.values().map(|member| member.joining.rebalance).max().unwrap_or_default();
        self.phase = Phase::Gathering { until: now.plus(longest) };
        self.members.values_mut().for_each(|member| member.joined = false);
    }

    /// Ends the gathering if all have joined, or the time for it is over.
    fn advance(&mut self, now: Timestamp) {
        let Phase::Gathering { until } = self.phase else { return };
        if now >= until {
            self.members.retain(|_, member| member.joined);
        }
        if self.members.values().any(|member| !member.joined) {
            return;
        }
        self.generation += 1;
        self.protocol = common(self.members.values().map(|member| &member.joining)).unwrap_or_default();
        if !self.members.contains_key(&self.leader) {
            self.leader = self.members.keys().next().cloned().unwrap_or_default();
        }
        self.phase = if self.members.is_empty() { Phase::Stable } else { Phase::Sharing };
        for member in self.members.values_mut() {
            (member.seen, member.share) = (now, Bytes::new());
        }
    }
}

impl Joining {
    fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols.iter().find(|(name, _)| name == protocol).map(|(_, said)| said.clone()).unwrap_or_default()
    }
}

/// The first way to share of the first member that all know.
fn common<'m>(members: impl Iterator<Item = &'m Joining>) -> Option<String> {
    let members: Vec<&Joining> = members.collect();
    let known = |joining: &Joining, wanted: &str| joining.protocols.iter().any(|(name, _)| name == wanted);
    let mut wanted = members.first()?.protocols.iter().map(|(name, _)| name);
    wanted.find(|name| members.iter().all(|member| known(member, name))).cloned()
}
