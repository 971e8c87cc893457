use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

/// Minimum and maximum size of an RSA modulus in bytes, as the library supports them.
const MODULUS_BYTES: (usize, usize) = (256, 1024);
/// Maximum size of an RSA exponent in bytes.
const MAX_EXPONENT_BYTES: usize = 8;

/// A key that verifies signatures.
pub(crate) struct Key {
    /// The `kid`, if the provider sets one.
    pub(crate) id: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) decoding: DecodingKey,
    /// The only algorithm allowed for the key, if the provider sets `alg`.
    restricted_to: Option<Algorithm>,
}

/// The type and curve of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// Why a key of a provider is not used.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Not a JSON object, no `kty`, a duplicate member, or a member of the wrong type.
    #[error("malformed")]
    Malformed,
    /// An unsupported type or curve. This includes symmetric keys, which do not belong in a public key set.
    #[error("of a type (kty, crv) that is not supported")]
    Type,
    /// A component of the public key is missing, is not base64url, or has another size.
    #[error("a member of the public key is missing or has a size that is not supported")]
    Numbers,
    /// `alg` is unsupported, or belongs to another type of key.
    #[error("its alg is not supported for its type")]
    Algorithm,
    /// Too many keys of the same type have the same `kid`, or none: further ones are not tried.
    #[error("too many keys of its type have the same kid, or none")]
    Crowded,
    /// The set has more keys than the limit.
    #[error("the set has more keys than identity.max_keys")]
    TooMany,
}

/// The members of a JWK that are used (RFC 7517, 4; RFC 7518, 6; RFC 8037, 2). Others are ignored.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Key {
    /// Parses one key of a set. `None` if it is not for signatures. The error includes the `kid` if it could be read.
    pub(crate) fn read(text: &str) -> Result<Option<Self>, (Option<String>, Reason)> {
        let jwk: Jwk = serde_json::from_str(text).map_err(|_| (None, Reason::Malformed))?;
        if !jwk.verifies() {
            return Ok(None);
        }
        let made = jwk
            .kind()
            .and_then(|kind| Ok((kind, jwk.restricted_to(kind)?, jwk.decoding_key(kind).ok_or(Reason::Numbers)?)));
        match made {
            Ok((kind, restricted_to, decoding)) => Ok(Some(Self { id: jwk.kid, kind, decoding, restricted_to })),
            Err(reason) => Err((jwk.kid, reason)),
        }
    }

    /// Whether the key may verify signatures of this algorithm. An algorithm of another key type is never allowed.
    pub(crate) fn allows(&self, algorithm: Algorithm) -> bool {
        self.kind.allows(algorithm) && self.restricted_to.is_none_or(|restricted_to| restricted_to == algorithm)
    }
}

impl Kind {
    fn allows(self, algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::RS256
            | Algorithm::RS384
            | Algorithm::RS512
            | Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512 => self == Self::Rsa,
            Algorithm::ES256 => self == Self::P256,
            Algorithm::ES384 => self == Self::P384,
            Algorithm::EdDSA => self == Self::Ed25519,
            // Symmetric and unknown algorithms.
            _ => false,
        }
    }
}

impl Jwk {
    /// Whether the key is for signatures: `use` and `key_ops` allow it, if present.
    fn verifies(&self) -> bool {
        self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|one| one == "verify"))
    }

    fn kind(&self) -> Result<Kind, Reason> {
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Ok(Kind::Rsa),
            ("EC", Some("P-256")) => Ok(Kind::P256),
            ("EC", Some("P-384")) => Ok(Kind::P384),
            ("OKP", Some("Ed25519")) => Ok(Kind::Ed25519),
            _ => Err(Reason::Type),
        }
    }

    fn restricted_to(&self, kind: Kind) -> Result<Option<Algorithm>, Reason> {
        let Some(name) = &self.alg else { return Ok(None) };
        let algorithm = name.parse().ok().filter(|algorithm| kind.allows(*algorithm));
        algorithm.map(Some).ok_or(Reason::Algorithm)
    }

    fn decoding_key(&self, kind: Kind) -> Option<DecodingKey> {
        match kind {
            Kind::Rsa => {
                let (modulus, exponent) = (number(self.n.as_ref())?, number(self.e.as_ref())?);
                let sizes = (MODULUS_BYTES.0..=MODULUS_BYTES.1).contains(&modulus.len())
                    && exponent.len() <= MAX_EXPONENT_BYTES;
                sizes.then(|| DecodingKey::from_rsa_raw_components(&modulus, &exponent))
            }
            Kind::P256 => self.point(32),
            Kind::P384 => self.point(48),
            Kind::Ed25519 => {
                let x = decoded(self.x.as_ref()).filter(|x| x.len() == 32)?;
                Some(DecodingKey::from_ed_der(&x))
            }
        }
    }

    fn point(&self, size: usize) -> Option<DecodingKey> {
        let (x, y) = (decoded(self.x.as_ref())?, decoded(self.y.as_ref())?);
        let sizes = x.len() == size && y.len() == size;
        // Uncompressed point: SEC 1, 2.3.3.
        sizes.then(|| DecodingKey::from_ec_der(&[&[4], &x[..], &y[..]].concat()))
    }
}

fn decoded(text: Option<&String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
}

/// An unsigned integer without the leading zeros that some providers write. `None` if it is zero.
fn number(text: Option<&String>) -> Option<Vec<u8>> {
    let bytes = decoded(text)?;
    let first = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes[first..].to_vec())
}
