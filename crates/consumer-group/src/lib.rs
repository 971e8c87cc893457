//! Who belongs to a consumer group, and what each member reads: Kafka's classic group protocol without any I/O.
//!
//! A group goes round: *gathering* (all members have to join again), *sharing* (the leader decides who reads what) and
//! *stable*, until a member comes, leaves or falls silent. What is decided in one round is marked with its generation.
//! The rules are those of Kafka's own coordinator, as its
//! [protocol guide](https://kafka.apache.org/protocol#The_Messages_JoinGroup) and KIP-62 describe them; static members
//! (KIP-345) are treated as any other.

mod group;

pub use group::{Group, Joining, Refusal, Round};
