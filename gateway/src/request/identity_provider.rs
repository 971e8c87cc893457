//! The keys of the identity provider.
//!
//! The last published key set is used, even if it is empty: a withdrawn key is no longer accepted. While the provider
//! publishes none (it is down, or its response is no key set), the previous keys are used for a limited time.

use std::collections::HashSet;
use std::error::Error;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ambient::{Clock, Timestamp};
use axum::body::Bytes;
use chassis::Host;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use identity::{Keys, KeysError, UnusableKey};
use serde::Deserialize;
use thiserror::Error;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep, timeout};

use crate::config::identity::ProviderSettings;

/// Time limit of a request to the provider.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);
/// The first and the longest interval between retries.
const MIN_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// The age of the keys in use.
const AGE: &str = "gateway_identity_keys_age_seconds";
/// How often the keys expired.
const EXPIRED: &str = "gateway_identity_keys_expired_total";

/// Fetches and caches the keys of a provider.
pub struct IdentityProvider {
    settings: ProviderSettings,
    clock: Arc<dyn Clock>,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    published: RwLock<Option<Published>>,
    /// Held during a fetch: an older response never replaces a newer one.
    state: Mutex<FetchState>,
}

/// The last published keys.
#[derive(Clone)]
struct Published {
    keys: Arc<Keys>,
    at: Timestamp,
}

/// The last fetch, and what was logged about it.
#[derive(Default)]
struct FetchState {
    last: Option<Instant>,
    /// The unusable keys of the last response, which were logged.
    unusable: HashSet<UnusableKey>,
    no_keys_logged: bool,
    expiry_logged: bool,
}

/// Why the keys cannot be fetched.
#[derive(Debug, Error)]
pub enum ProviderError {
    /// The provider did not respond in time.
    #[error("{0} does not answer within {REQUEST_TIMEOUT:?}")]
    Timeout(Uri),
    /// The provider is unreachable.
    #[error("{0} cannot be reached")]
    Unreachable(Uri, #[source] hyper_util::client::legacy::Error),
    /// The response is unusable.
    #[error("{0} answers {1}")]
    Answer(Uri, String),
    /// The discovery document is invalid or names another issuer.
    #[error("{0}: {1}")]
    Discovery(Uri, String),
    /// The key set is unusable.
    #[error("{0}: {1}")]
    Keys(Uri, #[source] KeysError),
}

/// The discovery document (`OpenID` Connect Discovery 1.0, section 3), as far as it is needed.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl IdentityProvider {
    /// Fetches the keys periodically, and on demand when a token names an unknown key.
    pub fn start(settings: ProviderSettings, host: &Host) -> Result<Arc<Self>, std::io::Error> {
        metrics::describe_gauge!(AGE, "How old the identity provider's keys are that are in use");
        metrics::describe_counter!(EXPIRED, "How often the identity provider's keys became too old to be used");
        let connector =
            hyper_rustls::HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1().build();
        let provider = Arc::new(Self {
            settings,
            clock: host.clock(),
            client: Client::builder(TokioExecutor::new()).build(connector),
            published: RwLock::default(),
            state: Mutex::default(),
        });
        let (polling, stopping) = (Arc::clone(&provider), host.stopping());
        host.spawn("identity provider", async move {
            stopping.run_until_cancelled(polling.poll()).await;
        });
        Ok(provider)
    }

    /// The current keys, which may be an empty set. `None` if the provider was never reached, or not for too long.
    pub fn keys(&self) -> Option<Arc<Keys>> {
        let Published { keys, at } = self.published()?;
        (self.age(at) <= self.settings.max_key_age).then_some(keys)
    }

    /// Fetches the keys, unless that was done recently: forged tokens must not cause a fetch each.
    pub async fn newer_keys(&self) -> Option<Arc<Keys>> {
        let state = self.state.lock().await;
        if state.last.is_none_or(|last| last.elapsed() >= self.settings.refetch) {
            self.refresh(state).await;
        }
        self.keys()
    }

    async fn poll(&self) {
        let mut backoff = MIN_BACKOFF;
        loop {
            if self.refresh(self.state.lock().await).await {
                backoff = MIN_BACKOFF;
                sleep(self.settings.refresh).await;
            } else {
                sleep(backoff).await;
                backoff = (backoff * 2).min(MAX_BACKOFF);
            }
        }
    }

    /// Fetches the keys. If that fails, the previous keys are used until they expire. Returns whether it succeeded.
    async fn refresh(&self, mut state: MutexGuard<'_, FetchState>) -> bool {
        state.last = Some(Instant::now());
        match self.fetch().await {
            Ok(keys) => {
                state.log_keys(&keys);
                let published = Published { keys: Arc::new(keys), at: self.clock.now() };
                *self.published.write().unwrap_or_else(PoisonError::into_inner) = Some(published);
                self.record_age(Duration::ZERO);
                true
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn Error, "no keys of the identity provider");
                if let Some(Published { at, .. }) = self.published() {
                    self.record_age(self.age(at));
                    state.log_expiry(self.age(at), &self.settings);
                }
                false
            }
        }
    }

    fn published(&self) -> Option<Published> {
        self.published.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn record_age(&self, age: Duration) {
        metrics::gauge!(AGE, "issuer" => self.settings.issuer.clone()).set(age.as_secs_f64());
    }

    fn age(&self, at: Timestamp) -> Duration {
        self.clock.now().since(at)
    }

    async fn fetch(&self) -> Result<Keys, ProviderError> {
        let address =
            format!("{}/.well-known/openid-configuration", self.settings.url.to_string().trim_end_matches('/'));
        let address: Uri = address.parse().unwrap_or_default();
        let invalid = |reason: &str| ProviderError::Discovery(address.clone(), reason.to_owned());
        let text = self.get(&address).await?;
        let found: Discovery =
            serde_json::from_str(&text).map_err(|_| invalid("is no document of OpenID Connect Discovery"))?;
        if found.issuer != self.settings.issuer {
            let other: String = found.issuer.chars().take(200).collect();
            return Err(invalid(&format!("is about another issuer: {other}")));
        }
        let keys: Uri = found.jwks_uri.parse().map_err(|_| invalid("jwks_uri is no address"))?;
        // An attacker on a plain HTTP connection could supply keys of their own.
        if address.scheme() != keys.scheme() {
            return Err(invalid("jwks_uri has another scheme than the issuer"));
        }
        let text = self.get(&keys).await?;
        Keys::read(&text, self.settings.max_keys).map_err(|error| ProviderError::Keys(keys, error))
    }

    async fn get(&self, address: &Uri) -> Result<String, ProviderError> {
        let unusable = |what: String| ProviderError::Answer(address.clone(), what);
        let request = Request::get(address).header(http::header::ACCEPT, "application/json").body(Empty::new());
        let request = request.map_err(|error| unusable(error.to_string()))?;
        let exchange = async {
            let answer = self.client.request(request).await;
            let answer = answer.map_err(|error| ProviderError::Unreachable(address.clone(), error))?;
            if answer.status() != StatusCode::OK {
                return Err(unusable(answer.status().to_string()));
            }
            let body = Limited::new(answer.into_body(), self.settings.max_key_set).collect().await;
            let bytes = body.map_err(|error| unusable(error.to_string()))?.to_bytes();
            String::from_utf8(bytes.into()).map_err(|error| unusable(error.to_string()))
        };
        timeout(REQUEST_TIMEOUT, exchange).await.map_err(|_| ProviderError::Timeout(address.clone()))?
    }
}

/// Each state is logged once, and again after it has changed in between.
impl FetchState {
    fn log_keys(&mut self, keys: &Keys) {
        for unusable in keys.unusable().iter().filter(|unusable| !self.unusable.contains(unusable)) {
            let UnusableKey { key, reason } = unusable;
            tracing::warn!(key, %reason, "a key of the identity provider is not used");
        }
        self.unusable = keys.unusable().iter().cloned().collect();
        if keys.is_empty() && !self.no_keys_logged {
            tracing::error!("the identity provider publishes no key that verifies signatures: no token is believed");
        }
        self.no_keys_logged = keys.is_empty();
        if self.expiry_logged {
            tracing::info!("the identity provider publishes keys again");
        }
        self.expiry_logged = false;
    }

    fn log_expiry(&mut self, age: Duration, settings: &ProviderSettings) {
        if age > settings.max_key_age && !self.expiry_logged {
            metrics::counter!(EXPIRED, "issuer" => settings.issuer.clone()).increment(1);
            tracing::error!(
                ?age,
                "the keys of the identity provider are too old (identity.max_key_age): no token is believed"
            );
            self.expiry_logged = true;
        }
    }
}

impl std::fmt::Debug for IdentityProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdentityProvider").field("settings", &self.settings).finish_non_exhaustive()
    }
}
