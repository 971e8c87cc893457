use std::fmt;
use std::ops::Range;

use testkit::ServerCommand;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// `kill -9`, then a restart.
    Kill,
    /// SIGTERM, then a restart.
    Stop,
    /// SIGSTOP, then SIGCONT.
    Pause,
    /// No file of the process can grow.
    FillDisk,
    /// Its connections to the broker break, and new ones too.
    CutFromBroker,
    /// No bytes pass between it and the broker. The connections stay open.
    HoldFromBroker,
    /// Its connections to its store break, and new ones too.
    CutFromStore,
    /// No bytes pass between it and its store. The connections stay open.
    HoldFromStore,
    /// Responses of its store are lost after the statements took effect.
    LoseResponses,
    /// `kill -9` of an external broker.
    KillBroker,
    /// No bytes pass between the broker and any context.
    SilenceBroker,
    /// `kill -9` of the server of all stores.
    KillStores,
    /// The server of all stores has no disk space.
    FillStores,
    /// The stub of an external system misbehaves.
    Stub(StubFault),
    /// A foreign producer publishes records that no context can handle.
    HostileRecords,
    /// One client takes all connections, bodies and streams that it can.
    GreedyClient,
}

/// A fault that the stub of an external system can simulate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StubFault {
    /// As it is shown.
    pub name: &'static str,
    /// The settings of the stub, as JSON.
    pub settings: &'static str,
}

/// A fault of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its kind.
    pub kind: FaultKind,
    /// A process, a context or a server.
    pub target: String,
}

/// The resource that a fault affects. Two faults of one resource would revert each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resource<'a> {
    Process(&'a str),
    BrokerLink(&'a str),
    AllBrokerLinks,
    StoreLink(&'a str),
    Broker,
    Stores,
    Stub,
    Topic(&'a str),
    GreedyClient,
}

impl FaultKind {
    /// How often it is drawn while others are drawn once.
    pub const fn weight(self) -> usize {
        match self {
            Self::Kill => 4,
            Self::Stop | Self::Pause | Self::FillDisk => 2,
            _ => 1,
        }
    }

    /// Its duration in milliseconds.
    pub const fn duration(self) -> Range<u64> {
        match self {
            Self::Kill => 200..5_000,
            Self::Stop => 1_000..8_000,
            Self::Pause | Self::KillBroker => 1_000..12_000,
            Self::FillDisk | Self::FillStores => 2_000..8_000,
            Self::CutFromBroker | Self::HoldFromBroker | Self::SilenceBroker => 3_000..15_000,
            Self::CutFromStore | Self::HoldFromStore => 2_000..10_000,
            Self::LoseResponses | Self::HostileRecords => 200..201,
            Self::KillStores => 500..6_000,
            Self::Stub(_) | Self::GreedyClient => 3_000..10_000,
        }
    }

    /// The commands that inject and revert it on an external server.
    pub const fn server_commands(self) -> Option<(ServerCommand, ServerCommand)> {
        match self {
            Self::KillBroker => Some((ServerCommand::KillBroker, ServerCommand::StartBroker)),
            Self::KillStores => Some((ServerCommand::KillStores, ServerCommand::StartStores)),
            Self::FillStores => Some((ServerCommand::FillStores, ServerCommand::FreeStores)),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill -9",
            Self::Stop => "SIGTERM",
            Self::Pause => "SIGSTOP",
            Self::FillDisk => "disk full",
            Self::CutFromBroker => "cut off from the broker",
            Self::HoldFromBroker => "no bytes to or from the broker",
            Self::CutFromStore => "cut off from its store",
            Self::HoldFromStore => "no bytes to or from its store",
            Self::LoseResponses => "responses of its store lost",
            Self::KillBroker => "kill -9 (Kafka)",
            Self::SilenceBroker => "no bytes to or from any context",
            Self::KillStores => "kill -9 (PostgreSQL)",
            Self::FillStores => "disk full (PostgreSQL)",
            Self::Stub(fault) => fault.name,
            Self::HostileRecords => "hostile records in its topic",
            Self::GreedyClient => "takes all resources it can",
        }
    }
}

impl Fault {
    /// Whether both affect the same resource.
    pub fn conflicts_with(&self, other: &Self) -> bool {
        match (self.resource(), other.resource()) {
            (Resource::AllBrokerLinks, Resource::BrokerLink(_))
            | (Resource::BrokerLink(_), Resource::AllBrokerLinks) => true,
            (one, other) => one == other,
        }
    }

    fn resource(&self) -> Resource<'_> {
        match self.kind {
            FaultKind::Kill | FaultKind::Stop | FaultKind::Pause | FaultKind::FillDisk => {
                Resource::Process(&self.target)
            }
            FaultKind::CutFromBroker | FaultKind::HoldFromBroker => Resource::BrokerLink(&self.target),
            FaultKind::SilenceBroker => Resource::AllBrokerLinks,
            FaultKind::CutFromStore | FaultKind::HoldFromStore | FaultKind::LoseResponses => {
                Resource::StoreLink(&self.target)
            }
            FaultKind::KillBroker => Resource::Broker,
            FaultKind::KillStores | FaultKind::FillStores => Resource::Stores,
            FaultKind::Stub(_) => Resource::Stub,
            FaultKind::HostileRecords => Resource::Topic(&self.target),
            FaultKind::GreedyClient => Resource::GreedyClient,
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
