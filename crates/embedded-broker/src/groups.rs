//! Consumer groups: who belongs to them is decided by [`consumer_group`] and kept in memory, as in Kafka. After a restart
//! all members join anew; what they have committed is in the log, where Tansu keeps it.

use ambient::{Clock, Ids, SystemClock, Timestamp};
use async_trait::async_trait;
use bytes::Bytes;
use consumer_group::{Group, Joining, Refusal, Round};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tansu_broker::{
    Error,
    coordinator::group::{Coordinator, OffsetCommit, administrator::Controller},
};
use tansu_sans_io::{
    Body, ErrorCode, HeartbeatResponse, JoinGroupResponse, LeaveGroupResponse, OffsetCommitResponse, SyncGroupResponse,
    join_group_request::JoinGroupRequestProtocol,
    join_group_response::JoinGroupResponseMember,
    leave_group_request::MemberIdentity,
    leave_group_response::MemberResponse,
    offset_commit_request::OffsetCommitRequestTopic,
    offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic},
    offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopic},
    sync_group_request::SyncGroupRequestAssignment,
};
use tansu_storage::StorageContainer;
use tokio::{sync::watch, time::timeout};

/// How soon a member that waits for others notices that one of them fell silent.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// All groups of the broker.
#[derive(Clone, Debug)]
pub struct Groups {
    shared: Arc<Shared>,
    /// Keeps committed offsets; membership is not asked of it.
    offsets: Controller<StorageContainer>,
}

#[derive(Debug)]
struct Shared {
    groups: Mutex<HashMap<String, Group>>,
    changes: watch::Sender<()>,
    clock: SystemClock,
    ids: Ids,
}

impl Groups {
    /// Without any members.
    pub fn new(offsets: Controller<StorageContainer>) -> Self {
        let (groups, changes) = (Mutex::default(), watch::Sender::new(()));
        let shared = Shared { groups, changes, clock: SystemClock, ids: Ids::from_entropy(Arc::new(SystemClock)) };
        Self { shared: Arc::new(shared), offsets }
    }

    /// Asks a group, or changes it.
    fn group<T>(&self, id: &str, ask: impl FnOnce(&mut Group, Timestamp) -> T) -> T {
        let mut groups = self.shared.groups.lock().unwrap_or_else(PoisonError::into_inner);
        ask(groups.entry(id.to_owned()).or_default(), self.shared.clock.now())
    }

    /// Changes a group, and tells those who wait.
    fn change<T>(&self, id: &str, change: impl FnOnce(&mut Group, Timestamp) -> T) -> T {
        let changed = self.group(id, change);
        self.shared.changes.send_replace(());
        changed
    }

    /// Asks a group until it has an answer.
    async fn answer<T>(
        &self,
        id: &str,
        mut ask: impl FnMut(&mut Group, Timestamp) -> Result<Option<T>, Refusal>,
    ) -> Result<T, Refusal> {
        let mut changes = self.shared.changes.subscribe();
        loop {
            changes.mark_unchanged();
            if let Some(answer) = self.group(id, &mut ask)? {
                return Ok(answer);
            }
            let _changed_or_not = timeout(LOOK_AGAIN, changes.changed()).await;
        }
    }

    async fn joined(&self, group: &str, member: &str, joining: Joining) -> Result<Round, Refusal> {
        self.change(group, |group, now| group.join(now, member, joining))?;
        let round = self.answer(group, |group, now| group.round(now, member)).await;
        // It may have been the end of the time for all others.
        self.shared.changes.send_replace(());
        round
    }

    async fn synced(
        &self,
        group: &str,
        generation: i32,
        member: &str,
        shares: &[SyncGroupRequestAssignment],
    ) -> Result<Bytes, Refusal> {
        let shares = shares.iter().map(|share| (share.member_id.clone(), share.assignment.clone()));
        self.change(group, |group, now| group.share(now, member, generation, shares))?;
        self.answer(group, |group, now| group.shared(now, member, generation)).await
    }

    /// The name of a new member, or of one that is known.
    fn member_id(&self, client: Option<&str>, group: &str, given: &str) -> Result<String, Refusal> {
        if given.is_empty() {
            return Ok(format!("{}-{}", client.unwrap_or("consumer"), self.shared.ids.uuid()));
        }
        let known = self.group(group, |group, now| group.knows(now, given));
        if known { Ok(given.to_owned()) } else { Err(Refusal::UnknownMember) }
    }
}

#[async_trait]
impl Coordinator for Groups {
    async fn join(
        &mut self,
        client_id: Option<&str>,
        group_id: &str,
        session_timeout_ms: i32,
        rebalance_timeout_ms: Option<i32>,
        member_id: &str,
        _group_instance_id: Option<&str>,
        protocol_type: &str,
        protocols: Option<&[JoinGroupRequestProtocol]>,
        _reason: Option<&str>,
    ) -> Result<Body, Error> {
        let protocols = protocols.unwrap_or_default().iter().map(|known| (known.name.clone(), known.metadata.clone()));
        let joining = Joining {
            session: millis(session_timeout_ms),
            rebalance: millis(rebalance_timeout_ms.unwrap_or(session_timeout_ms)),
            protocols: protocols.collect(),
        };
        let joined = match self.member_id(client_id, group_id, member_id) {
            Ok(id) => self.joined(group_id, &id, joining).await.map(|round| (id, round)),
            Err(refusal) => Err(refusal),
        };
        Ok(match joined {
            Ok((id, round)) => welcome(id, protocol_type, round),
            Err(refusal) => no_welcome(member_id, refusal),
        }
        .into())
    }

    async fn sync(
        &mut self,
        group_id: &str,
        generation_id: i32,
        member_id: &str,
        _group_instance_id: Option<&str>,
        protocol_type: Option<&str>,
        protocol_name: Option<&str>,
        assignments: Option<&[SyncGroupRequestAssignment]>,
    ) -> Result<Body, Error> {
        let share = self.synced(group_id, generation_id, member_id, assignments.unwrap_or_default()).await;
        Ok(SyncGroupResponse::default()
            .throttle_time_ms(Some(0))
            .error_code(code(share.as_ref().err()))
            .protocol_type(protocol_type.map(str::to_owned))
            .protocol_name(protocol_name.map(str::to_owned))
            .assignment(share.unwrap_or_default())
            .into())
    }

    async fn heartbeat(
        &mut self,
        group_id: &str,
        generation_id: i32,
        member_id: &str,
        _group_instance_id: Option<&str>,
    ) -> Result<Body, Error> {
        let lives = self.group(group_id, |group, now| group.heartbeat(now, member_id, generation_id));
        Ok(HeartbeatResponse::default().throttle_time_ms(Some(0)).error_code(code(lives.err().as_ref())).into())
    }

    async fn leave(
        &mut self,
        group_id: &str,
        member_id: Option<&str>,
        members: Option<&[MemberIdentity]>,
    ) -> Result<Body, Error> {
        // Older clients name one member, newer ones a list.
        let one = member_id.into_iter().map(|id| (id, None));
        let listed = members.unwrap_or_default().iter();
        let listed = listed.map(|member| (member.member_id.as_str(), member.group_instance_id.clone()));
        let gone = one.chain(listed).map(|(id, instance)| {
            let left = self.change(group_id, |group, now| group.leave(now, id));
            MemberResponse::default()
                .member_id(id.to_owned())
                .group_instance_id(instance)
                .error_code(code(left.err().as_ref()))
        });
        let gone: Vec<_> = gone.collect();
        let error = if member_id.is_some() { gone[0].error_code } else { ErrorCode::None.into() };
        Ok(LeaveGroupResponse::default().throttle_time_ms(Some(0)).error_code(error).members(Some(gone)).into())
    }

    async fn offset_commit(&mut self, commit: OffsetCommit<'_>) -> Result<Body, Error> {
        let (member, generation) = (commit.member_id.unwrap_or_default(), commit.generation_id_or_member_epoch);
        // Without a generation it comes from a tool, not from a member.
        let Some(generation) = generation.filter(|generation| *generation >= 0) else {
            return self.offsets.offset_commit(commit).await;
        };
        match self.group(commit.group_id, |group, now| group.may_commit(now, member, generation)) {
            Ok(()) => self.offsets.offset_commit(commit).await,
            Err(refusal) => Ok(not_committed(commit.topics.unwrap_or_default(), refusal).into()),
        }
    }

    async fn offset_fetch(
        &mut self,
        group_id: Option<&str>,
        topics: Option<&[OffsetFetchRequestTopic]>,
        groups: Option<&[OffsetFetchRequestGroup]>,
        require_stable: Option<bool>,
    ) -> Result<Body, Error> {
        self.offsets.offset_fetch(group_id, topics, groups, require_stable).await
    }
}

fn millis(millis: i32) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}

fn code(refusal: Option<&Refusal>) -> i16 {
    refusal
        .map_or(ErrorCode::None, |refusal| match refusal {
            Refusal::UnknownMember => ErrorCode::UnknownMemberId,
            Refusal::IllegalGeneration => ErrorCode::IllegalGeneration,
            Refusal::Rebalancing => ErrorCode::RebalanceInProgress,
            Refusal::InconsistentProtocol => ErrorCode::InconsistentGroupProtocol,
        })
        .into()
}

fn welcome(id: String, protocol_type: &str, round: Round) -> JoinGroupResponse {
    let members = round.members.into_iter();
    let members = members.map(|(id, said)| JoinGroupResponseMember::default().member_id(id).metadata(said));
    JoinGroupResponse::default()
        .throttle_time_ms(Some(0))
        .error_code(ErrorCode::None.into())
        .generation_id(round.generation)
        .protocol_type(Some(protocol_type.to_owned()))
        .protocol_name(Some(round.protocol))
        .leader(round.leader)
        .skip_assignment(Some(false))
        .member_id(id)
        .members(Some(members.collect()))
}

fn no_welcome(id: &str, refusal: Refusal) -> JoinGroupResponse {
    JoinGroupResponse::default()
        .throttle_time_ms(Some(0))
        .error_code(code(Some(&refusal)))
        .generation_id(-1)
        .protocol_name(Some(String::new()))
        .leader(String::new())
        .skip_assignment(Some(false))
        .member_id(id.to_owned())
        .members(Some(Vec::new()))
}

fn not_committed(topics: &[OffsetCommitRequestTopic], refusal: Refusal) -> OffsetCommitResponse {
    let topics = topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().flatten().map(|partition| {
            OffsetCommitResponsePartition::default()
                .partition_index(partition.partition_index)
                .error_code(code(Some(&refusal)))
        });
        OffsetCommitResponseTopic::default().name(topic.name.clone()).partitions(Some(partitions.collect()))
    });
    OffsetCommitResponse::default().throttle_time_ms(Some(0)).topics(Some(topics.collect()))
}
