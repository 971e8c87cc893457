//! Authentication: the settings, the check of tokens, and the caller as handlers see it.

pub(crate) mod authenticator;
pub(crate) mod principal;
pub(crate) mod trust;
