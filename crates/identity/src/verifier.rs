use std::collections::BTreeMap;
use std::time::Duration;

use ambient::Timestamp;
use jsonwebtoken::{Algorithm, AlgorithmFamily, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Identity;
use crate::error::Refusal;
use crate::jwk::Key;
use crate::key_set::Keys;
use crate::roles::RolesClaim;

/// Maximum length of a token in bytes. Those of providers have one or two thousand.
const MAX_TOKEN_BYTES: usize = 8192;
/// Maximum length of a subject (`OpenID` Connect Core, 2: 255 ASCII characters).
const MAX_SUBJECT_BYTES: usize = 255;
/// Maximum length of a further claim in bytes.
const MAX_CLAIM_BYTES: usize = 255;

/// The requirements for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The issuer (`iss`), compared exactly.
    pub issuer: String,
    /// The audience (`aud`): one of those in the token.
    pub audience: String,
    /// The allowed signature algorithms, asymmetric only.
    pub algorithms: Vec<Algorithm>,
    /// The tolerated clock difference, at most five minutes.
    pub leeway: Duration,
    /// The claim with the roles.
    pub roles: RolesClaim,
    /// The names of further claims that services get.
    pub claims: Vec<String>,
}

/// Why rules are unsafe.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RulesError {
    /// A symmetric algorithm: every verifier could sign tokens.
    #[error("algorithms: {0:?} signs with a secret, and the keys of a provider are public")]
    Secret(Algorithm),
    /// No algorithm: every token would be rejected.
    #[error("algorithms: there is none")]
    NoAlgorithm,
    /// Tokens would be accepted long after their expiry.
    #[error("leeway: {0:?} is more than five minutes")]
    Leeway(Duration),
}

/// The content of a valid token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedToken {
    /// Subject, roles and further claims. Without roles only handlers for any caller are allowed.
    pub identity: Identity,
    /// A description of the invalid part of the roles claim. Valid roles count nevertheless.
    pub unreadable_roles: Option<&'static str>,
    /// The expiry, including the leeway.
    pub until: Timestamp,
}

/// Verifies tokens.
#[derive(Debug)]
pub struct Verifier {
    rules: Rules,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: f64,
    nbf: Option<f64>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn contains(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|one| one == audience),
        }
    }
}

impl Verifier {
    /// A verifier with these rules. Fails if they are unsafe.
    pub fn new(rules: Rules) -> Result<Self, RulesError> {
        if rules.algorithms.is_empty() {
            return Err(RulesError::NoAlgorithm);
        }
        if let Some(secret) = rules.algorithms.iter().find(|one| one.family() == AlgorithmFamily::Hmac) {
            return Err(RulesError::Secret(*secret));
        }
        if rules.leeway > Duration::from_mins(5) {
            return Err(RulesError::Leeway(rules.leeway));
        }
        Ok(Self { rules })
    }

    /// The rules.
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Verifies a token. It must be signed with one of `keys`: keys in the token itself (`jku`, `jwk`, `x5u`, `x5c`)
    /// are ignored.
    pub fn verify(&self, token: &str, keys: &Keys, now: Timestamp) -> Result<VerifiedToken, Refusal> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::TooLong);
        }
        let header = decode_header(token).map_err(|_| Refusal::Malformed)?;
        if header.crit.is_some() || !self.rules.algorithms.contains(&header.alg) {
            return Err(Refusal::Algorithm);
        }
        let (candidates, error) = keys.candidates(header.kid.as_deref(), header.alg);
        let mut tried = candidates.iter().map(|key| verified_claims(token, header.alg, key));
        let first = tried.find(|claims| !matches!(claims, Err(Refusal::Signature)));
        let claims = first.unwrap_or(Err(error))?;
        self.check_claims(&claims, now)?;
        let further = self.further_claims(&claims.others);
        let read = self.rules.roles.read(&Value::Object(claims.others));
        let identity = Identity { subject: claims.sub, roles: read.roles, claims: further };
        let until = expiry(claims.exp).plus(self.rules.leeway);
        Ok(VerifiedToken { identity, unreadable_roles: read.unreadable, until })
    }

    /// The further claims that are texts or whole numbers. Others are left out, as if the token did not have them.
    fn further_claims(&self, claims: &Map<String, Value>) -> BTreeMap<String, String> {
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => number.as_i64().map(|number| number.to_string()),
            _ => None,
        };
        let read = |name: &String| Some((name.clone(), text(claims.get(name)?)?));
        let read = self.rules.claims.iter().filter_map(read);
        read.filter(|(_, value)| value.len() <= MAX_CLAIM_BYTES).collect()
    }

    fn check_claims(&self, claims: &Claims, now: Timestamp) -> Result<(), Refusal> {
        let (now, leeway) = (seconds(now), self.rules.leeway.as_secs_f64());
        if claims.iss != self.rules.issuer {
            return Err(Refusal::Issuer);
        }
        if !claims.aud.contains(&self.rules.audience) {
            return Err(Refusal::Audience);
        }
        if now >= claims.exp + leeway {
            return Err(Refusal::Expired);
        }
        if claims.nbf.is_some_and(|begin| now < begin - leeway) {
            return Err(Refusal::Early);
        }
        if claims.sub.is_empty() || claims.sub.len() > MAX_SUBJECT_BYTES {
            return Err(Refusal::Malformed);
        }
        Ok(())
    }
}

/// The claims of a token with a valid signature. The caller checks them, with the time that was passed in.
fn verified_claims(token: &str, algorithm: Algorithm, key: &Key) -> Result<Claims, Refusal> {
    let mut signature_only = Validation::new(algorithm);
    signature_only.required_spec_claims.clear();
    signature_only.validate_exp = false;
    signature_only.validate_nbf = false;
    signature_only.validate_aud = false;
    let token = decode::<Claims>(token, &key.decoding, &signature_only).map_err(|error| match error.kind() {
        jsonwebtoken::errors::ErrorKind::Json(_) => Refusal::Malformed,
        _ => Refusal::Signature,
    })?;
    Ok(token.claims)
}

/// Seconds since 1970. A double is exact to the microsecond until the year 2255.
#[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 fit into 53 bits until the year 2255")]
fn seconds(at: Timestamp) -> f64 {
    at.as_micros() as f64 / 1e6
}

/// The expiry of a token, clamped to the representable range.
#[expect(clippy::cast_possible_truncation, reason = "a cast of a double stops at the greatest number")]
fn expiry(exp: f64) -> Timestamp {
    // Less than the maximum: the leeway is added.
    Timestamp::from_micros((exp * 1e6).min(1e18) as i64)
}
