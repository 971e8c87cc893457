use std::collections::HashMap;

use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Refusal;
use crate::jwk::{Key, Kind, Reason};

/// The default limit of keys per set. Providers have one or two per algorithm and their predecessors; multi-tenant ones
/// have hundreds.
pub const MAX_KEYS: usize = 1000;
/// Maximum number of keys tried per signature if no `kid` distinguishes them.
pub const MAX_TRIES: usize = 8;
/// Maximum number of unusable keys that are reported.
const MAX_REPORTED: usize = 32;
/// Maximum length of a reported `kid`, in characters.
const MAX_KID_CHARS: usize = 100;

/// The public keys of a provider for signatures.
#[derive(Default)]
pub struct Keys {
    keys: Vec<Key>,
    unusable: Vec<UnusableKey>,
}

/// A key that is not used, although it is not declared for another use.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UnusableKey {
    /// The `kid`, shortened; the position in the set if there is none.
    pub key: String,
    /// The reason.
    pub reason: Reason,
}

/// The text is not a key set (RFC 7517, section 5): a JSON object with a list `keys`.
#[derive(Debug, thiserror::Error)]
#[error("not a set of keys (JWK Set): line {line}, column {column}")]
pub struct KeysError {
    line: usize,
    column: usize,
}

/// Each key is parsed separately, so that an invalid one does not affect the others.
#[derive(Deserialize)]
struct Set<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

impl Keys {
    /// Parses a key set, at most `max` keys. Unusable keys are skipped one by one: those for encryption, malformed
    /// ones, unknown types, and symmetric keys. The result may be empty.
    pub fn read(text: &str, max: usize) -> Result<Self, KeysError> {
        let position = |error: serde_json::Error| KeysError { line: error.line(), column: error.column() };
        let set: Set<'_> = serde_json::from_str(text).map_err(position)?;
        let mut read = Self::default();
        let mut alike: HashMap<(Option<String>, Kind), usize> = HashMap::new();
        for (position, text) in set.keys.iter().enumerate() {
            match Key::read(text.get()) {
                Ok(None) => {}
                Err((id, reason)) => read.skip_key(position, id.as_deref(), reason),
                Ok(Some(key)) if read.keys.len() >= max => {
                    read.skip_key(position, key.id.as_deref(), Reason::TooMany);
                }
                Ok(Some(key)) => {
                    let alike = alike.entry((key.id.clone(), key.kind)).or_default();
                    *alike += 1;
                    if *alike > MAX_TRIES {
                        read.skip_key(position, key.id.as_deref(), Reason::Crowded);
                    } else {
                        read.keys.push(key);
                    }
                }
            }
        }
        Ok(read)
    }

    /// Whether there is no usable key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The number of usable keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The first unusable keys, for the log.
    pub fn unusable(&self) -> &[UnusableKey] {
        &self.unusable
    }

    fn skip_key(&mut self, position: usize, id: Option<&str>, reason: Reason) {
        if self.unusable.len() < MAX_REPORTED {
            let key = id.map_or_else(|| format!("keys[{position}]"), |id| id.chars().take(MAX_KID_CHARS).collect());
            self.unusable.push(UnusableKey { key, reason });
        }
    }

    /// The keys that may verify a signature, and the error if none of them does.
    ///
    /// A `kid` selects the keys of that name, possibly of several types. If there are none, the keys without a `kid`
    /// are tried, and a token without a `kid` may use a single key (`OpenID` Connect Core, 10.1).
    pub(crate) fn candidates(&self, id: Option<&str>, algorithm: Algorithm) -> (Vec<&Key>, Refusal) {
        let named: Vec<&Key> = self.keys.iter().filter(|key| id.is_some() && key.id.as_deref() == id).collect();
        if named.is_empty() {
            let single = id.is_none() && self.keys.len() == 1;
            let nameless = self.keys.iter().filter(|key| single || key.id.is_none());
            // The provider may have added a key since: the caller refreshes the set.
            return (nameless.filter(|key| key.allows(algorithm)).collect(), Refusal::Key);
        }
        let fitting: Vec<&Key> = named.into_iter().filter(|key| key.allows(algorithm)).collect();
        let refusal = if fitting.is_empty() { Refusal::Algorithm } else { Refusal::Signature };
        (fitting, refusal)
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}
