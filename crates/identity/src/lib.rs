//! Who asks: tokens of an identity provider, and the pass that a gateway hands on to the services behind it.
//!
//! | file | what |
//! |---|---|
//! | `keys.rs` | the public keys of a provider, as it publishes them (JWKS, RFC 7517) |
//! | `verifier.rs` | what must hold of a token before anybody believes it (JWT, RFC 7519 and 8725) |
//! | `key_pair.rs` | the keys that passes are signed with, as files have them |
//! | `pass.rs` | what the gateway says about a request, so that a service can tell it from what a client says |
//!
//! Nothing here asks a server or looks at a clock: keys and time are passed in.

mod key_pair;
mod keys;
mod pass;
mod verifier;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use key_pair::KeyPair;
pub use keys::{Keys, KeysError};
pub use pass::{PASS_HEADER, PASS_VALID, PERSONS, PassKeyError, PassRefusal, Passes, SERVICES, Signer};
pub use verifier::{Believed, Refusal, Rules, RulesError, Verifier};

/// How a token may be signed.
pub use jsonwebtoken::Algorithm;

/// Who asks. Somebody, or something, that a provider knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its name at the provider (`sub`): never given to anybody else.
    pub subject: String,
    /// What it is there. What a role may do is decided where it is done.
    pub roles: BTreeSet<String>,
}

impl Identity {
    /// Whether it is this, perhaps among others.
    pub fn is(&self, role: &str) -> bool {
        self.roles.contains(role)
    }
}
