//! The coordinator of a consumer group, without I/O: Kafka's classic group protocol.
//!
//! A group rebalances in two steps: it *prepares* (all members have to join again) and *completes* (the leader assigns the
//! partitions). Then it is *stable*, until a member joins, leaves or times out. Each rebalance has a generation, which every
//! request of a member names. The rules are those of Kafka's coordinator, as its
//! [protocol guide](https://kafka.apache.org/protocol#The_Messages_JoinGroup) and KIP-62 describe them; static members
//! (KIP-345) are treated as any other.

mod group;

pub use group::{Group, Joining, Refusal, Round};
