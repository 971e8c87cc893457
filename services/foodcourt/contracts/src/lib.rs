//! What the contexts promise each other is in `contracts/foodcourt`; the tests of this package hold it against their types.
