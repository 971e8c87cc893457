//! Identities of callers: tokens of an identity provider, and the internal token (pass) that a gateway sends to
//! services.
//!
//! | file | content |
//! |---|---|
//! | `key_set.rs`, `jwk.rs` | the public keys of a provider (JWKS, RFC 7517), each parsed separately |
//! | `roles.rs` | the claim with the roles, and its formats |
//! | `verifier.rs` | the verification of a token (JWT, RFC 7519 and 8725) |
//! | `key_pair.rs` | key pairs for passes, in PEM |
//! | `internal_token.rs` | passes: signed by the gateway or a service, verified by services |
//!
//! No I/O and no clock: keys and time are arguments.

mod error;
mod internal_token;
mod jwk;
mod key_pair;
mod key_set;
mod roles;
mod verifier;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use error::Refusal;
pub use internal_token::{
    INTERNAL_TOKEN_HEADER, InternalTokenError, PASS_VALID, PassKeyError, SERVICES, TokenSigner, TokenVerifier, USERS,
};
pub use jwk::Reason;
pub use key_pair::KeyPair;
pub use key_set::{Keys, KeysError, MAX_KEYS, MAX_TRIES, UnusableKey};
pub use roles::{RolesClaim, RolesClaimError};
pub use verifier::{Rules, RulesError, VerifiedToken, Verifier};

/// The signature algorithm of a token.
pub use jsonwebtoken::Algorithm;

/// A user or service known to a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The subject (`sub`): unique at the provider, never reused.
    pub subject: String,
    /// The roles. Each handler decides what a role may do.
    pub roles: BTreeSet<String>,
    /// Further claims, by their names: those that the gateway passes on. A role may need one, such as the tenant that its
    /// members belong to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, String>,
}

impl Identity {
    /// An identity without further claims.
    pub fn new(subject: impl Into<String>, roles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let roles = roles.into_iter().map(Into::into).collect();
        Self { subject: subject.into(), roles, claims: BTreeMap::new() }
    }

    /// The same identity with a further claim.
    #[must_use]
    pub fn with_claim(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// Whether the identity has this role.
    pub fn is(&self, role: &str) -> bool {
        self.roles.contains(role)
    }
}
