//! The saga under test: a trip is booked with one, two or three participants.

use context::saga::{Definition, Recovery, SagaTable, Step};
use events::EventSet;
use messaging::Argument;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::sqlx::any::AnyRow;
use store::sqlx::{Error, Row};
use store::{Column, Table};

/// The table, and a log of all transitions that were committed.
pub const SCHEMA: &str = "
    CREATE TABLE trips (
        id BIGINT PRIMARY KEY, attempt BIGINT NOT NULL, phase TEXT NOT NULL, retry_at BIGINT NOT NULL, step BIGINT NOT NULL,
        price BIGINT NOT NULL, traveller TEXT, confirmations TEXT NOT NULL);
    CREATE TABLE transitions (old TEXT, new TEXT);
    CREATE TRIGGER inserted AFTER INSERT ON trips BEGIN
        INSERT INTO transitions VALUES ('none', NEW.phase || ' ' || NEW.step); END;
    CREATE TRIGGER updated AFTER UPDATE ON trips WHEN OLD.phase <> NEW.phase OR OLD.step <> NEW.step BEGIN
        INSERT INTO transitions VALUES (OLD.phase || ' ' || OLD.step, NEW.phase || ' ' || NEW.step); END;
    CREATE TRIGGER deleted AFTER DELETE ON trips BEGIN
        INSERT INTO transitions VALUES (OLD.phase || ' ' || OLD.step, 'none'); END;";

const COLUMNS: &[(&str, Column)] = &[
    ("id", Column::Number),
    ("attempt", Column::Number),
    ("phase", Column::Text),
    ("retry_at", Column::Number),
    ("step", Column::Number),
    ("price", Column::Number),
    ("traveller", Column::Text),
    ("confirmations", Column::Text),
];

/// One attempt at a trip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trip {
    pub id: i64,
    pub attempt: i64,
    pub price: i64,
    pub traveller: Option<String>,
    /// What the participants have replied: a digit each, in order.
    pub confirmations: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, EventSet)]
#[events(context = "trips", key = "id")]
pub enum TripEvent {
    TripBooked(TripBooked),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TripBooked {
    pub id: i64,
    pub attempt: i64,
    pub confirmations: String,
}

/// The booking, of so many steps.
pub struct Booking<const STEPS: usize, const FORWARD: bool>;

const ALL_STEPS: &[Step] = &[
    Step { participant: "flights", action: "hold a seat", compensation: "release it" },
    Step { participant: "hotels", action: "hold a room", compensation: "release it" },
    Step { participant: "bank", action: "take the money", compensation: "pay it back" },
];

impl<const STEPS: usize, const FORWARD: bool> Definition for Booking<STEPS, FORWARD> {
    type Attempt = Trip;
    type Reason = String;
    type Event = TripEvent;

    const NAME: &'static str = "the booking of a trip";
    const STEPS: &'static [Step] = match STEPS {
        1 => &[ALL_STEPS[0]],
        2 => &[ALL_STEPS[0], ALL_STEPS[1]],
        _ => ALL_STEPS,
    };
    const RECOVERY: Recovery = if FORWARD { Recovery::Forward } else { Recovery::Backward };
    const TABLE: SagaTable = SagaTable {
        // As in a context whose table was there before the crate.
        step: if STEPS == 1 { None } else { Some("step") },
        compensating: if STEPS == 1 { "settling" } else { "compensating" },
        // A saga that keeps the rows of later attempts.
        keep: if FORWARD && STEPS == 1 { Some("attempt > 1") } else { None },
        on_void: Some("traveller = NULL"),
        ..SagaTable::of(Table { name: "trips", key: "id", columns: COLUMNS })
    };
    const ESTABLISHED_TOTAL: &'static str = "trips_booked_total";

    fn key(trip: &Trip) -> Argument<'_> {
        Argument::Number(trip.id)
    }

    fn number(trip: &Trip) -> i64 {
        trip.attempt
    }

    fn parameters(trip: &Trip) -> Vec<(&'static str, Argument<'_>)> {
        let mut parameters = vec![
            ("price", Argument::Number(trip.price)),
            ("traveller", Argument::OptionalText(trip.traveller.as_deref())),
            ("confirmations", Argument::Text(&trip.confirmations)),
        ];
        if STEPS == 1 {
            parameters.push(("step", Argument::Number(0)));
        }
        parameters
    }

    fn results(trip: &Trip) -> Vec<(&'static str, Argument<'_>)> {
        vec![("confirmations", Argument::Text(&trip.confirmations))]
    }

    fn read(row: &AnyRow) -> Result<Trip, Error> {
        Ok(Trip {
            id: row.try_get("id")?,
            attempt: row.try_get("attempt")?,
            price: row.try_get("price")?,
            traveller: row.try_get("traveller")?,
            confirmations: row.try_get("confirmations")?,
        })
    }

    fn event(trip: &Trip) -> TripEvent {
        let Trip { id, attempt, confirmations, .. } = trip.clone();
        TripEvent::TripBooked(TripBooked { id, attempt, confirmations })
    }
}
