//! What the contexts promise each other is in `contracts/cleanmall`; the tests of this package hold it against their types.
