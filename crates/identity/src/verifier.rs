use std::collections::BTreeSet;
use std::time::Duration;

use ambient::Timestamp;
use jsonwebtoken::{Algorithm, AlgorithmFamily, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::keys::Key;
use crate::{Identity, Keys};

/// The longest token that is looked at, in bytes. Those of providers have one or two thousand.
const LONGEST: usize = 8192;
/// The longest name that a subject may have (`OpenID` Connect Core, 2: 255 ASCII characters).
const LONGEST_SUBJECT: usize = 255;

/// What a token must be to be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Who made it (`iss`), letter for letter.
    pub issuer: String,
    /// Whom it is for (`aud`): one of those that it names.
    pub audience: String,
    /// How it may be signed: asymmetrically only.
    pub algorithms: Vec<Algorithm>,
    /// How far the clocks of others may be off.
    pub leeway: Duration,
    /// Where its roles are: names of members, with dots between them, as in `realm_access.roles`.
    pub roles: String,
}

/// Rules that nobody could keep safely.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RulesError {
    /// Who can verify such a token can also make one.
    #[error("algorithms: {0:?} signs with a secret, and the keys of a provider are public")]
    Secret(Algorithm),
    /// Nothing would be accepted.
    #[error("algorithms: there is none")]
    NoAlgorithm,
    /// Tokens would be accepted long after their end.
    #[error("leeway: {0:?} is more than five minutes")]
    Leeway(Duration),
}

/// Why a token is not believed. For the log: who sent it is told that it is not valid, and no more.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody's token is that long.
    #[error("too long")]
    TooLong,
    /// No JWT, or one whose claims are not of the form that they must have.
    #[error("malformed")]
    Malformed,
    /// Signed in a way that is not allowed, or with demands (`crit`) that nobody here knows.
    #[error("signed in a way that is not allowed")]
    Algorithm,
    /// Signed with a key that the provider is not known to have. It may be a new one.
    #[error("signed with an unknown key")]
    Key,
    /// Not what was signed.
    #[error("the signature does not fit")]
    Signature,
    /// Over.
    #[error("expired")]
    Expired,
    /// Not valid yet.
    #[error("not valid yet")]
    Early,
    /// Of another provider.
    #[error("of another issuer")]
    Issuer,
    /// For somebody else.
    #[error("for another audience")]
    Audience,
}

/// What a token says that is believed, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Believed {
    /// Who its bearer is.
    pub identity: Identity,
    /// When it ends, with the leeway.
    pub until: Timestamp,
}

impl Refusal {
    /// The word for it in metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::Key => "unknown_key",
            Self::Signature => "signature",
            Self::Expired => "expired",
            Self::Early => "early",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
        }
    }
}

/// Holds tokens against rules.
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
    fn names(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|one| one == audience),
        }
    }
}

impl Verifier {
    /// Of these rules, if they can be kept safely.
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

    /// Who a token says that its bearer is. It names no key by itself that would be believed (`jku`, `jwk`, `x5u`, `x5c`):
    /// its `kid` must be one of `keys`.
    pub fn verify(&self, token: &str, keys: &Keys, now: Timestamp) -> Result<Believed, Refusal> {
        if token.len() > LONGEST {
            return Err(Refusal::TooLong);
        }
        let header = decode_header(token).map_err(|_| Refusal::Malformed)?;
        if header.crit.is_some() || !self.rules.algorithms.contains(&header.alg) {
            return Err(Refusal::Algorithm);
        }
        let key = header.kid.as_deref().and_then(|id| keys.find(id)).ok_or(Refusal::Key)?;
        if !key.suits(header.alg) {
            return Err(Refusal::Algorithm);
        }
        let claims = signed(token, header.alg, key)?;
        self.hold(&claims, now)?;
        let identity = Identity { subject: claims.sub, roles: roles(&claims.others, &self.rules.roles) };
        Ok(Believed { identity, until: ends(claims.exp).plus(self.rules.leeway) })
    }

    fn hold(&self, claims: &Claims, now: Timestamp) -> Result<(), Refusal> {
        let (now, leeway) = (seconds(now), self.rules.leeway.as_secs_f64());
        if claims.iss != self.rules.issuer {
            return Err(Refusal::Issuer);
        }
        if !claims.aud.names(&self.rules.audience) {
            return Err(Refusal::Audience);
        }
        if now >= claims.exp + leeway {
            return Err(Refusal::Expired);
        }
        if claims.nbf.is_some_and(|begin| now < begin - leeway) {
            return Err(Refusal::Early);
        }
        if claims.sub.is_empty() || claims.sub.len() > LONGEST_SUBJECT {
            return Err(Refusal::Malformed);
        }
        Ok(())
    }
}

/// The claims of a token whose signature fits. What they say is judged by us, with the time that is passed in.
fn signed(token: &str, algorithm: Algorithm, key: &Key) -> Result<Claims, Refusal> {
    let mut nothing_else = Validation::new(algorithm);
    nothing_else.required_spec_claims.clear();
    nothing_else.validate_exp = false;
    nothing_else.validate_nbf = false;
    nothing_else.validate_aud = false;
    let token = decode::<Claims>(token, &key.decoding, &nothing_else).map_err(|error| match error.kind() {
        jsonwebtoken::errors::ErrorKind::Json(_) => Refusal::Malformed,
        _ => Refusal::Signature,
    })?;
    Ok(token.claims)
}

/// Those that are texts. A token without any is one of somebody who may do nothing in particular.
fn roles(claims: &Map<String, Value>, path: &str) -> BTreeSet<String> {
    let mut names = path.split('.');
    let first = names.next().and_then(|name| claims.get(name));
    let found = names.fold(first, |value, name| value.and_then(|value| value.get(name)));
    let texts = found.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// Since 1970. A double is exact to the microsecond for the next two hundred years.
#[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 fit into 53 bits until the year 2255")]
fn seconds(at: Timestamp) -> f64 {
    at.as_micros() as f64 / 1e6
}

/// The end of a token. One beyond all time is at the end of time.
#[expect(clippy::cast_possible_truncation, reason = "a cast of a double stops at the greatest number")]
fn ends(exp: f64) -> Timestamp {
    // Not the last moment there is: a leeway is added.
    Timestamp::from_micros((exp * 1e6).min(1e18) as i64)
}
