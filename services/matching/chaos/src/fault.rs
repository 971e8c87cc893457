//! What can go wrong.

use std::fmt;
use std::ops::Range;

use testkit::Order;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// `kill -9`; later it is started again.
    Kill,
    /// SIGTERM; later it is started again.
    Stop,
    /// SIGSTOP; later it goes on.
    Pause,
    /// No file that the process writes to can grow.
    FillDisk,
    /// Its connections to the broker break, and new ones too.
    CutFromBroker,
    /// Nothing that it and the broker say arrives, but nobody is told.
    HoldFromBroker,
    /// Its connections to its store break, and new ones too.
    CutFromStore,
    /// Nothing that it and its store say arrives, but nobody is told.
    HoldFromStore,
    /// What its store answered is lost, though it was done.
    LoseAnswers,
    /// `kill -9` of a broker that is no process of the fleet.
    KillBroker,
    /// Nothing that a broker says or hears arrives.
    SilenceBroker,
    /// `kill -9` of the server of all stores.
    KillStores,
    /// The server of all stores has no room on its disk.
    FillStores,
    /// Payments take about as long as the match context waits for them, or longer.
    SlowPayments,
    /// Payments fail, or are declined.
    FailingPayments,
}

/// A fault, and on whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub what: What,
    /// Whose fault it is: a process, or a context.
    pub on: String,
}

/// What a fault takes hold of. Two that have hold of the same thing would undo each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold<'a> {
    Process(&'a str),
    BrokerWire(&'a str),
    AllBrokerWires,
    StoreWire(&'a str),
    Broker,
    Stores,
    Provider,
}

impl What {
    /// How often it has its turn while others have one.
    pub const fn weight(self) -> usize {
        match self {
            Self::Kill => 4,
            Self::Stop | Self::Pause | Self::FillDisk => 2,
            _ => 1,
        }
    }

    /// How long it may last, in milliseconds.
    pub const fn lasts(self) -> Range<u64> {
        match self {
            Self::Kill => 200..5_000,
            Self::Stop => 1_000..8_000,
            Self::Pause | Self::KillBroker => 1_000..12_000,
            Self::FillDisk | Self::FillStores => 2_000..8_000,
            Self::CutFromBroker | Self::HoldFromBroker | Self::SilenceBroker => 3_000..15_000,
            Self::CutFromStore | Self::HoldFromStore => 2_000..10_000,
            Self::LoseAnswers => 200..201,
            Self::KillStores => 500..6_000,
            Self::SlowPayments | Self::FailingPayments => 3_000..10_000,
        }
    }

    /// What does it to a server that is no process of the fleet, and what undoes it.
    pub const fn orders(self) -> Option<(Order, Order)> {
        match self {
            Self::KillBroker => Some((Order::KillBroker, Order::StartBroker)),
            Self::KillStores => Some((Order::KillStores, Order::StartStores)),
            Self::FillStores => Some((Order::FillStores, Order::FreeStores)),
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
            Self::HoldFromBroker => "no word to or from the broker",
            Self::CutFromStore => "cut off from its store",
            Self::HoldFromStore => "no word to or from its store",
            Self::LoseAnswers => "answers of its store lost",
            Self::KillBroker => "kill -9 (Kafka)",
            Self::SilenceBroker => "no word to or from anybody",
            Self::KillStores => "kill -9 (PostgreSQL)",
            Self::FillStores => "disk full (PostgreSQL)",
            Self::SlowPayments => "payments slow",
            Self::FailingPayments => "payments fail or are declined",
        }
    }
}

impl Fault {
    /// Whether both have hold of the same thing.
    pub fn meets(&self, other: &Self) -> bool {
        match (self.hold(), other.hold()) {
            (Hold::AllBrokerWires, Hold::BrokerWire(_)) | (Hold::BrokerWire(_), Hold::AllBrokerWires) => true,
            (one, another) => one == another,
        }
    }

    fn hold(&self) -> Hold<'_> {
        match self.what {
            What::Kill | What::Stop | What::Pause | What::FillDisk => Hold::Process(&self.on),
            What::CutFromBroker | What::HoldFromBroker => Hold::BrokerWire(&self.on),
            What::SilenceBroker => Hold::AllBrokerWires,
            What::CutFromStore | What::HoldFromStore | What::LoseAnswers => Hold::StoreWire(&self.on),
            What::KillBroker => Hold::Broker,
            What::KillStores | What::FillStores => Hold::Stores,
            What::SlowPayments | What::FailingPayments => Hold::Provider,
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
