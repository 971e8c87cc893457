//! The keys with which a test authenticates.

use std::sync::Arc;
use std::time::Duration;

use ambient::{Clock as _, SystemClock};
use anyhow::Result;
use flotilla::keyring::Keyring;
use flotilla::keys;
use flotilla::token::Tokens;
use identity::{Identity, TokenSigner};

use crate::observe::Api;

/// Validity of a token; longer than any test.
const VALID: Duration = Duration::from_hours(1);

/// Signs tokens for the gateway and internal tokens for services.
pub(crate) struct Credentials {
    tokens: Tokens,
    /// Signs as the gateway does.
    signer: Arc<TokenSigner>,
}

impl Credentials {
    /// Reads the keys of a fleet.
    pub(crate) fn read(keyring: &Keyring) -> Result<Self> {
        let signer = keys::signer(&keyring.pass_key())?;
        Ok(Self { tokens: Tokens::of(keyring)?, signer: Arc::new(signer) })
    }

    /// A token for the gateway.
    pub(crate) fn token(&self, identity: &Identity) -> Result<String> {
        Ok(self.tokens.token(identity, SystemClock.now(), VALID)?)
    }

    /// The same client, with an internal token in every request.
    pub(crate) fn sign(&self, api: &Api, identity: Identity) -> Api {
        api.with_pass(Arc::clone(&self.signer), identity)
    }
}
