//! The identity provider: which keys it has at the moment.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::body::Bytes;
use chassis::Host;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use identity::{Keys, KeysError};
use serde::Deserialize;
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

/// How long the provider may take for an answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest answer that is read, in bytes. A set of keys has a few thousand.
const LONGEST: usize = 256 * 1024;
/// How soon a provider that does not answer is asked again, at first and at last.
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_AT_LAST: Duration = Duration::from_secs(30);

/// Asks a provider for its keys, and keeps them.
pub struct Provider {
    issuer: String,
    at: Uri,
    every: Duration,
    at_most_every: Duration,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    keys: RwLock<Option<Arc<Keys>>>,
    /// When it was asked last. Held while it is asked: nobody else does meanwhile.
    asked: Mutex<Option<Instant>>,
}

/// Why the provider has no keys for us.
#[derive(Debug, Error)]
pub enum ProviderError {
    /// It did not answer in time.
    #[error("{0} does not answer within {PATIENCE:?}")]
    Silent(Uri),
    /// It cannot be reached.
    #[error("{0} cannot be reached")]
    Unreachable(Uri, #[source] hyper_util::client::legacy::Error),
    /// Its answer is none that can be used.
    #[error("{0} answers {1}")]
    Answer(Uri, String),
    /// What it publishes about itself is about somebody else, or leads astray.
    #[error("{0}: {1}")]
    Discovery(Uri, String),
    /// Its keys cannot be used.
    #[error("{0}")]
    Keys(#[from] KeysError),
}

/// What a provider publishes about itself (`OpenID` Connect Discovery 1.0, section 3), as far as it concerns us.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Provider {
    /// Asks `issuer` for its keys from now on: every so often, and at most so often when a token names a key that is new.
    pub fn start(
        issuer: &str,
        at: Uri,
        every: Duration,
        at_most_every: Duration,
        host: &Host,
    ) -> Result<Arc<Self>, std::io::Error> {
        let connector =
            hyper_rustls::HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1().build();
        let provider = Arc::new(Self {
            issuer: issuer.to_owned(),
            at,
            every,
            at_most_every,
            client: Client::builder(TokioExecutor::new()).build(connector),
            keys: RwLock::default(),
            asked: Mutex::default(),
        });
        let (asking, stopping) = (Arc::clone(&provider), host.stopping());
        host.spawn("identity provider", async move {
            stopping.run_until_cancelled(asking.keep_asking()).await;
        });
        Ok(provider)
    }

    /// The keys that are known, if it was ever reached.
    pub fn keys(&self) -> Option<Arc<Keys>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys, asked for anew unless that was done a moment ago: tokens that nobody signed must not make us ask and ask.
    pub async fn newer_keys(&self) -> Option<Arc<Keys>> {
        let mut asked = self.asked.lock().await;
        if asked.is_none_or(|last| last.elapsed() >= self.at_most_every) {
            *asked = Some(Instant::now());
            self.ask().await;
        }
        self.keys()
    }

    async fn keep_asking(&self) {
        let mut again = AGAIN;
        loop {
            *self.asked.lock().await = Some(Instant::now());
            if self.ask().await {
                again = AGAIN;
                sleep(self.every).await;
            } else {
                sleep(again).await;
                again = (again * 2).min(AGAIN_AT_LAST);
            }
        }
    }

    /// Whether there are new keys. If not, those of before stay: a provider that is away makes no token invalid.
    async fn ask(&self) -> bool {
        match self.fetch().await {
            Ok(keys) => {
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(keys));
                true
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "no keys of the identity provider");
                false
            }
        }
    }

    async fn fetch(&self) -> Result<Keys, ProviderError> {
        let address = format!("{}/.well-known/openid-configuration", self.at.to_string().trim_end_matches('/'));
        let address: Uri = address.parse().unwrap_or_default();
        let astray = |reason: &str| ProviderError::Discovery(address.clone(), reason.to_owned());
        let text = self.get(&address).await?;
        let found: Discovery = serde_json::from_str(&text).map_err(|error| astray(&error.to_string()))?;
        if found.issuer != self.issuer {
            return Err(astray(&format!("is about another issuer: {}", found.issuer)));
        }
        let keys: Uri = found.jwks_uri.parse().map_err(|_| astray("jwks_uri is no address"))?;
        // Who may change what is on its way could give us keys of his own.
        if address.scheme() != keys.scheme() {
            return Err(astray("jwks_uri has another scheme than the issuer"));
        }
        Ok(Keys::read(&self.get(&keys).await?)?)
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
            let body = Limited::new(answer.into_body(), LONGEST).collect().await;
            let bytes = body.map_err(|error| unusable(error.to_string()))?.to_bytes();
            String::from_utf8(bytes.into()).map_err(|error| unusable(error.to_string()))
        };
        timeout(PATIENCE, exchange).await.map_err(|_| ProviderError::Silent(address.clone()))?
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
