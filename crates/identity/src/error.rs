/// Why a token is rejected. For the log: the client only learns that the token is invalid.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Longer than any genuine token.
    #[error("too long")]
    TooLong,
    /// Not a JWT, or its claims have the wrong types.
    #[error("malformed")]
    Malformed,
    /// An algorithm that is not allowed, or critical header parameters (`crit`), none of which are supported.
    #[error("signed in a way that is not allowed")]
    Algorithm,
    /// A key that is not in the key set. The provider may have added it since.
    #[error("signed with an unknown key")]
    Key,
    /// The signature is invalid.
    #[error("the signature does not fit")]
    Signature,
    /// The token has expired.
    #[error("expired")]
    Expired,
    /// The token is not valid yet.
    #[error("not valid yet")]
    Early,
    /// Another issuer.
    #[error("of another issuer")]
    Issuer,
    /// Another audience.
    #[error("for another audience")]
    Audience,
}

impl Refusal {
    /// The label value in metrics.
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
