//! Authentication: verifies the token of a request with the keys of the identity provider.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use ambient::{Clock, Timestamp};
use chassis::{AuthSettingsError, Host};
use hashlink::LruCache;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use identity::{Identity, Keys, PASS_VALID, TokenSigner, USERS, VerifiedToken, Verifier};

use crate::config::Config;
use crate::config::identity::{IdentityConfig, KeySource};
use crate::request::client_id::ClientId;
use crate::request::error::GatewayError;
use crate::request::identity_provider::IdentityProvider;

const REJECTED: &str = "gateway_tokens_refused_total";

/// The `Retry-After` while the keys of the provider are unavailable.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Verifies tokens, and signs an internal token (pass) for the services.
pub struct Authenticator {
    verifier: Verifier,
    keys: Source,
    signer: TokenSigner,
    clock: Arc<dyn Clock>,
    /// The audience, for `WWW-Authenticate`.
    realm: String,
    /// Whether unreadable roles were logged: issuer and claim are the same for all tokens.
    roles_warning_logged: AtomicBool,
    /// The roles that any route requires. The services get no others.
    roles: RwLock<Vec<String>>,
    /// Verified tokens, with their passes.
    cache: Mutex<LruCache<Box<str>, CachedToken>>,
}

enum Source {
    Provider(Arc<IdentityProvider>),
    Fixed(Arc<Keys>),
}

/// An authenticated caller.
#[derive(Debug, Clone)]
pub struct Authenticated {
    /// The identity in the token.
    pub identity: Arc<Identity>,
    /// The key for limits.
    pub client: ClientId,
    /// The pass for the services.
    pub internal_token: HeaderValue,
    /// The expiry of the token.
    pub expires: Timestamp,
}

struct CachedToken {
    authenticated: Authenticated,
    /// When a new pass is signed.
    resign_at: Timestamp,
    /// The keys that verified it. If they change, it is verified again.
    keys: Arc<Keys>,
}

/// Why authentication cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// A key file is missing or invalid.
    #[error(transparent)]
    Key(#[from] AuthSettingsError),
    /// Internal tokens cannot be signed.
    #[error("INTERNAL_TOKEN_SIGNING_KEY_FILE is not set: the services could not tell who asks")]
    MissingSigningKey,
    /// The rules are invalid.
    #[error("identity.{0}")]
    Rules(#[from] identity::RulesError),
    /// The file with the provider's keys is unusable.
    #[error("identity.keys_file: {}: {reason}", file.display())]
    Keys {
        /// The file.
        file: std::path::PathBuf,
        /// The reason.
        reason: String,
    },
    /// The system has no root certificates.
    #[error("no root certificates: {0}")]
    RootCertificates(#[source] std::io::Error),
    /// Authentication is disabled, but required.
    #[error("no issuer is set (identity.issuer or IDENTITY_ISSUER), and REQUIRE_IDENTITY forbids to run open")]
    Disabled,
}

impl Authenticator {
    /// The authenticator that `config` describes. `None` if authentication is disabled, which `required` forbids.
    pub fn start(
        config: &Config,
        signing_key: Option<&Path>,
        required: bool,
        host: &Host,
    ) -> Result<Option<Self>, AuthError> {
        let Some(identity) = &config.identity else {
            if required {
                return Err(AuthError::Disabled);
            }
            tracing::warn!("authentication is DISABLED: every client may do everything (identity.issuer is not set)");
            return Ok(None);
        };
        let signing_key = signing_key.ok_or(AuthError::MissingSigningKey)?;
        let signer = AuthSettingsError::read(signing_key, |pem| TokenSigner::new(pem, USERS))?;
        let keys = source(identity, host)?;
        metrics::describe_counter!(REJECTED, "Tokens that were not believed, by reason");
        Ok(Some(Self {
            verifier: Verifier::new(identity.rules.clone())?,
            keys,
            signer,
            clock: host.clock(),
            realm: identity.rules.audience.clone(),
            roles_warning_logged: AtomicBool::new(false),
            roles: RwLock::new(roles(config)),
            cache: Mutex::new(LruCache::new(identity.remembered.get())),
        }))
    }

    /// Replaces the roles that are passed on, after a reload.
    pub fn use_roles_of(&self, config: &Config) {
        *self.roles.write().unwrap_or_else(PoisonError::into_inner) = roles(config);
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Authenticates a request. The caller needs one of `roles`; without roles every authenticated caller is allowed.
    pub async fn authenticate(&self, headers: &HeaderMap, roles: &[String]) -> Result<Authenticated, GatewayError> {
        let token = bearer(headers)?.ok_or_else(|| GatewayError::MissingToken(self.realm.clone()))?;
        let keys = self.keys().ok_or(GatewayError::KeysUnavailable(RETRY_AFTER))?;
        let authenticated = match self.cached(token, &keys) {
            Some(authenticated) => authenticated,
            None => self.insert(token, self.verify(token, keys).await?)?,
        };
        if !roles.is_empty() && !roles.iter().any(|role| authenticated.identity.is(role)) {
            return Err(GatewayError::Forbidden(self.realm.clone()));
        }
        Ok(authenticated)
    }

    fn keys(&self) -> Option<Arc<Keys>> {
        match &self.keys {
            Source::Provider(provider) => provider.keys(),
            Source::Fixed(keys) => Some(Arc::clone(keys)),
        }
    }

    fn cached(&self, token: &str, keys: &Arc<Keys>) -> Option<Authenticated> {
        let now = self.clock.now();
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let found = cache.get(token)?;
        let valid = now < found.authenticated.expires && now < found.resign_at && Arc::ptr_eq(keys, &found.keys);
        valid.then(|| found.authenticated.clone())
    }

    async fn verify(&self, token: &str, keys: Arc<Keys>) -> Result<(VerifiedToken, Arc<Keys>), GatewayError> {
        let first = self.verifier.verify(token, &keys, self.clock.now());
        let (verified, keys) = match (&self.keys, first) {
            // The provider may have published a new key.
            (Source::Provider(provider), Err(identity::Refusal::Key)) => {
                let keys = provider.newer_keys().await.ok_or(GatewayError::KeysUnavailable(RETRY_AFTER))?;
                (self.verifier.verify(token, &keys, self.clock.now()), keys)
            }
            (_, first) => (first, keys),
        };
        verified.map(|believed| (believed, keys)).map_err(|refusal| {
            metrics::counter!(REJECTED, "reason" => refusal.label()).increment(1);
            tracing::debug!(%refusal, "a token is not believed");
            GatewayError::InvalidToken(self.realm.clone())
        })
    }

    /// Logged once, without the content of the token: it is personal.
    fn warn_unreadable_roles(&self, what: &'static str) {
        if !self.roles_warning_logged.swap(true, Ordering::Relaxed) {
            let rules = self.verifier.rules();
            let (issuer, claim) = (&rules.issuer, &rules.roles);
            tracing::warn!(%issuer, %claim, "the claim with the roles (identity.roles) has roles that cannot be read: {what}");
        }
    }

    fn insert(&self, token: &str, (believed, keys): (VerifiedToken, Arc<Keys>)) -> Result<Authenticated, GatewayError> {
        let VerifiedToken { mut identity, until: expires, unreadable_roles } = believed;
        if let Some(what) = unreadable_roles {
            self.warn_unreadable_roles(what);
        }
        let roles = self.roles.read().unwrap_or_else(PoisonError::into_inner);
        identity.roles.retain(|role| roles.contains(role));
        drop(roles);
        let now = self.clock.now();
        let signed = self.signer.pass(&identity, now).ok().and_then(|token| HeaderValue::try_from(token).ok());
        let mut internal_token = signed.ok_or(GatewayError::SigningFailed)?;
        internal_token.set_sensitive(true);
        let client = ClientId::subject(&identity.subject);
        let authenticated = Authenticated { identity: Arc::new(identity), client, internal_token, expires };
        let cached = CachedToken { authenticated: authenticated.clone(), resign_at: now.plus(PASS_VALID / 2), keys };
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).insert(token.into(), cached);
        Ok(authenticated)
    }
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

fn roles(config: &Config) -> Vec<String> {
    config.routes.iter().flat_map(|route| route.roles.iter().cloned()).collect()
}

fn source(identity: &IdentityConfig, host: &Host) -> Result<Source, AuthError> {
    match &identity.keys {
        KeySource::File(file) => {
            let broken = |reason: String| AuthError::Keys { file: file.clone(), reason };
            let text = std::fs::read_to_string(file).map_err(|error| broken(error.to_string()))?;
            let keys = Keys::read(&text, identity.max_keys).map_err(|error| broken(error.to_string()))?;
            for key in keys.unusable() {
                tracing::warn!(key = %key.key, reason = %key.reason, file = %file.display(), "a key is not used");
            }
            if keys.is_empty() {
                return Err(broken("no key in it verifies signatures".to_owned()));
            }
            Ok(Source::Fixed(Arc::new(keys)))
        }
        KeySource::Provider(settings) => {
            if settings.url.scheme_str() == Some("http") {
                tracing::warn!(at = %settings.url, "the keys of the identity provider come over plain HTTP");
            }
            let provider = IdentityProvider::start(settings.clone(), host).map_err(AuthError::RootCertificates)?;
            let known = Arc::clone(&provider);
            // A new gateway that cannot fetch the keys must not replace one that has them.
            host.readiness("identity provider", move || {
                let known = known.keys().map(drop).ok_or_else(|| "its keys are not known, or too old".to_owned());
                Box::pin(std::future::ready(known))
            });
            Ok(Source::Provider(provider))
        }
    }
}

/// The bearer token of a request (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, GatewayError> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(first), None) = (all.next(), all.next()) else {
        return if headers.contains_key(AUTHORIZATION) {
            Err(GatewayError::AmbiguousHeaders("there is more than one Authorization"))
        } else {
            Ok(None)
        };
    };
    let words = first.to_str().ok().and_then(|text| text.split_once(' '));
    Ok(words.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim()))
}
