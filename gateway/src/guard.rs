//! Who asks: a request's token, held against the keys of the identity provider.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use ambient::{Clock, Timestamp};
use chassis::{Host, TrustError};
use hashlink::LruCache;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use identity::{Believed, Identity, Keys, PASS_VALID, PERSONS, Signer, Verifier};

use crate::config::Config;
use crate::provider::Provider;
use crate::refusal::Refusal;
use crate::trusted::{KeySource, Trusted};

const REFUSED: &str = "gateway_tokens_refused_total";

/// What a client is told to wait while the provider's keys are not known.
const COME_BACK: Duration = Duration::from_secs(5);

/// Lets in whoever has a token that is believed.
pub struct Guard {
    verifier: Verifier,
    keys: Source,
    signer: Signer,
    clock: Arc<dyn Clock>,
    /// The audience: what a client is told that it needs a token for.
    realm: String,
    /// The roles that any route asks for. Others are nobody's business behind the gateway.
    roles: RwLock<Vec<String>>,
    /// Tokens that were believed, with the passes made for them.
    remembered: Mutex<LruCache<Box<str>, Remembered>>,
}

enum Source {
    Provider(Arc<Provider>),
    Fixed(Arc<Keys>),
}

/// Who was let in.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// Who it is.
    pub identity: Arc<Identity>,
    /// What the services are told.
    pub pass: HeaderValue,
    /// When the token ends.
    pub until: Timestamp,
}

struct Remembered {
    admitted: Admitted,
    /// When a new pass is made.
    pass_until: Timestamp,
    /// The keys that it was held against: when they change, it must be held against the new ones.
    keys: Arc<Keys>,
}

/// Why nobody can be let in.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// A key file is missing or broken.
    #[error(transparent)]
    Key(#[from] TrustError),
    /// Passes cannot be signed.
    #[error("PASS_SIGNING_KEY_FILE is not set: the services could not tell who asks")]
    NoSigningKey,
    /// The rules cannot be kept.
    #[error("identity.{0}")]
    Rules(#[from] identity::RulesError),
    /// The file with the provider's keys is of no use.
    #[error("identity.keys_file: {}: {reason}", file.display())]
    Keys {
        /// The file.
        file: std::path::PathBuf,
        /// Why.
        reason: String,
    },
    /// The system has no certificates that a provider's could be held against.
    #[error("no root certificates: {0}")]
    Roots(#[source] std::io::Error),
    /// Open, where that is forbidden.
    #[error("no issuer is set (identity.issuer or IDENTITY_ISSUER), and REQUIRE_IDENTITY forbids to run open")]
    Open,
}

impl Guard {
    /// The guard that `config` asks for. `None` if it leaves the gateway open, which `required` forbids.
    pub fn start(
        config: &Config,
        signing_key: Option<&Path>,
        required: bool,
        host: &Host,
    ) -> Result<Option<Self>, GuardError> {
        let Some(trusted) = &config.identity else {
            if required {
                return Err(GuardError::Open);
            }
            tracing::warn!("OPEN: whoever reaches the gateway may do everything (no identity.issuer is set)");
            return Ok(None);
        };
        let signing_key = signing_key.ok_or(GuardError::NoSigningKey)?;
        let signer = TrustError::read(signing_key, |pem| Signer::new(pem, PERSONS))?;
        let keys = source(trusted, host)?;
        metrics::describe_counter!(REFUSED, "Tokens that were not believed, by reason");
        Ok(Some(Self {
            verifier: Verifier::new(trusted.rules.clone())?,
            keys,
            signer,
            clock: host.clock(),
            realm: trusted.rules.audience.clone(),
            roles: RwLock::new(roles(config)),
            remembered: Mutex::new(LruCache::new(trusted.remembered.get())),
        }))
    }

    /// Goes by the roles of other routes from now on.
    pub fn serve(&self, config: &Config) {
        *self.roles.write().unwrap_or_else(PoisonError::into_inner) = roles(config);
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Who sent these headers, if that may be somebody with one of `roles`. Without roles, anybody who is known.
    pub async fn admit(&self, headers: &HeaderMap, roles: &[String]) -> Result<Admitted, Refusal> {
        let token = bearer(headers)?.ok_or_else(|| Refusal::NoToken(self.realm.clone()))?;
        let keys = self.keys().ok_or(Refusal::NoKeys(COME_BACK))?;
        let admitted = match self.recall(token, &keys) {
            Some(admitted) => admitted,
            None => self.remember(token, self.verify(token, keys).await?)?,
        };
        if !roles.is_empty() && !roles.iter().any(|role| admitted.identity.is(role)) {
            return Err(Refusal::Forbidden(self.realm.clone()));
        }
        Ok(admitted)
    }

    fn keys(&self) -> Option<Arc<Keys>> {
        match &self.keys {
            Source::Provider(provider) => provider.keys(),
            Source::Fixed(keys) => Some(Arc::clone(keys)),
        }
    }

    fn recall(&self, token: &str, keys: &Arc<Keys>) -> Option<Admitted> {
        let now = self.clock.now();
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let found = remembered.get(token)?;
        let holds = now < found.admitted.until && now < found.pass_until && Arc::ptr_eq(keys, &found.keys);
        holds.then(|| found.admitted.clone())
    }

    async fn verify(&self, token: &str, keys: Arc<Keys>) -> Result<(Believed, Arc<Keys>), Refusal> {
        let first = self.verifier.verify(token, &keys, self.clock.now());
        let (verified, keys) = match (&self.keys, first) {
            // The provider may have a new one.
            (Source::Provider(provider), Err(identity::Refusal::Key)) => {
                let keys = provider.newer_keys().await.ok_or(Refusal::NoKeys(COME_BACK))?;
                (self.verifier.verify(token, &keys, self.clock.now()), keys)
            }
            (_, first) => (first, keys),
        };
        verified.map(|believed| (believed, keys)).map_err(|refusal| {
            metrics::counter!(REFUSED, "reason" => refusal.label()).increment(1);
            tracing::debug!(%refusal, "a token is not believed");
            Refusal::Token(self.realm.clone())
        })
    }

    fn remember(&self, token: &str, (believed, keys): (Believed, Arc<Keys>)) -> Result<Admitted, Refusal> {
        let Believed { mut identity, until } = believed;
        let roles = self.roles.read().unwrap_or_else(PoisonError::into_inner);
        identity.roles.retain(|role| roles.contains(role));
        drop(roles);
        let now = self.clock.now();
        let pass = self.signer.pass(&identity, now).ok().and_then(|pass| HeaderValue::try_from(pass).ok());
        let mut pass = pass.ok_or(Refusal::NoPass)?;
        pass.set_sensitive(true);
        let admitted = Admitted { identity: Arc::new(identity), pass, until };
        let remembered = Remembered { admitted: admitted.clone(), pass_until: now.plus(PASS_VALID / 2), keys };
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).insert(token.into(), remembered);
        Ok(admitted)
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

fn roles(config: &Config) -> Vec<String> {
    config.routes.iter().flat_map(|route| route.roles.iter().cloned()).collect()
}

fn source(trusted: &Trusted, host: &Host) -> Result<Source, GuardError> {
    match &trusted.keys {
        KeySource::File(file) => {
            let broken = |reason: String| GuardError::Keys { file: file.clone(), reason };
            let text = std::fs::read_to_string(file).map_err(|error| broken(error.to_string()))?;
            Ok(Source::Fixed(Arc::new(Keys::read(&text).map_err(|error| broken(error.to_string()))?)))
        }
        KeySource::Provider { issuer, at, refresh, refetch } => {
            if at.scheme_str() == Some("http") {
                tracing::warn!(%at, "the keys of the identity provider come over plain HTTP");
            }
            let provider = Provider::start(issuer, at.clone(), *refresh, *refetch, host).map_err(GuardError::Roots)?;
            let known = Arc::clone(&provider);
            // Who comes into being while the provider is away must not replace one who knows its keys.
            host.readiness("identity provider", move || {
                let known = known.keys().map(drop).ok_or_else(|| "its keys are not known yet".to_owned());
                Box::pin(std::future::ready(known))
            });
            Ok(Source::Provider(provider))
        }
    }
}

/// The token that a request bears (RFC 6750, section 2.1), if it has one.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(first), None) = (all.next(), all.next()) else {
        return if headers.contains_key(AUTHORIZATION) {
            Err(Refusal::Headers("there is more than one Authorization"))
        } else {
            Ok(None)
        };
    };
    let words = first.to_str().ok().and_then(|text| text.split_once(' '));
    Ok(words.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim()))
}
