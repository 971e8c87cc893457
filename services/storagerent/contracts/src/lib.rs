//! What the contexts promise each other is in `contracts/matching`; the tests of this package hold it against their types.
