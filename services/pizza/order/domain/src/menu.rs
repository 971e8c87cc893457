//! The kinds of pizza.

use ambient::Positive;
use thiserror::Error;

/// A kind of pizza.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pizza {
    /// The id of the kind.
    pub id: i64,
    /// The name.
    pub name: &'static str,
    /// The price of one.
    pub price: i64,
}

/// The kinds that can be ordered, in the order of their ids.
pub const MENU: &[Pizza] = &[
    Pizza { id: 10, name: "Margherita", price: 12_000 },
    Pizza { id: 20, name: "Marinara", price: 11_000 },
    Pizza { id: 30, name: "Funghi", price: 14_000 },
    Pizza { id: 40, name: "Diavola", price: 15_000 },
    Pizza { id: 50, name: "Quattro formaggi", price: 16_000 },
];

/// A number of pizzas: 1 to 99.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantity(i64);

/// The number is no quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a whole number from 1 to {}", Quantity::MAX)]
pub struct InvalidQuantity;

impl Pizza {
    /// The kind with this id, if it can be ordered.
    pub fn with_id(id: Positive) -> Option<&'static Self> {
        MENU.iter().find(|pizza| pizza.id == id.get())
    }
}

impl Quantity {
    /// The maximum.
    pub const MAX: i64 = 99;

    /// `number`, if it is in range.
    pub fn new(number: i64) -> Result<Self, InvalidQuantity> {
        if (1..=Self::MAX).contains(&number) { Ok(Self(number)) } else { Err(InvalidQuantity) }
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }
}
