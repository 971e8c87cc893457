use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ambient::Clock;
use anyhow::Context as _;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use calls::{CallError, CallResponse, Client, Transport};
use chassis::spans::{Side, Span};
use chassis::{AuthSettings, AuthSettingsError, Host, Spans};
use clap::Args;
use events::TraceContext;
use identity::{INTERNAL_TOKEN_HEADER, Identity, SERVICES, TokenSigner};
use serde::Deserialize;
use serde_json::Value;

use crate::saga::{NotCompensated, Reply};

/// When a call may be repeated if the callee names no time.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The settings of the calls of other contexts.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct CallSettings {
    /// The limits of each call.
    #[command(flatten)]
    pub limits: calls::Config,

    /// The file with the private key (Ed25519, PEM) that signs the tokens of this context for those that it calls. Without
    /// it, authentication must be disabled there
    #[arg(long, alias = "call-key-file", env = "SERVICE_SIGNING_KEY_FILE")]
    pub service_signing_key_file: Option<PathBuf>,

    /// Transports other than HTTP, by the names of the contexts that are called: for simulations
    #[arg(skip)]
    pub transports: BTreeMap<&'static str, Transport>,
}

/// Another context, called over HTTP as this context, through the guarded call.
#[derive(Clone)]
pub struct ServiceClient {
    callee: &'static str,
    own_name: &'static str,
    client: Client,
    spans: Spans,
    /// Signs the tokens of this context. `None`: authentication is disabled at the callee.
    signer: Option<Arc<TokenSigner>>,
    clock: Arc<dyn Clock>,
}

/// The problem in a response of the callee.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ReceivedProblem {
    #[serde(default, rename = "type")]
    uri: String,
    /// The explanation, for people.
    pub detail: Option<String>,
}

impl CallSettings {
    /// Rejects settings with which the callees would reject every call. `trust` are those of the same process.
    pub fn check(&self, trust: &AuthSettings) -> anyhow::Result<()> {
        anyhow::ensure!(
            trust.internal_token_public_key_file.is_none() || self.service_signing_key_file.is_some(),
            "INTERNAL_TOKEN_PUBLIC_KEY_FILE is set and SERVICE_SIGNING_KEY_FILE is not: the contexts that this one calls \
             would reject its calls"
        );
        Ok(())
    }
}

impl ServiceClient {
    /// The context `callee` at `url`, for the context `own_name`.
    pub fn new(
        own_name: &'static str,
        callee: &'static str,
        url: &str,
        settings: &CallSettings,
        host: &Host,
    ) -> anyhow::Result<Self> {
        let key = settings.service_signing_key_file.as_deref();
        let signer = key.map(|path| AuthSettingsError::read(path, |pem| TokenSigner::new(pem, SERVICES))).transpose();
        let signer = signer.context("SERVICE_SIGNING_KEY_FILE")?.map(Arc::new);
        let client = match settings.transports.get(callee) {
            Some(transport) => Client::over(transport.clone(), callee, url, &settings.limits)?,
            None => Client::new(callee, url, &settings.limits)?,
        };
        Ok(Self { callee, own_name, client, spans: host.spans(), signer, clock: host.clock() })
    }

    /// How long the callee is known to be unavailable: its circuit breaker is open. `None`: a call may succeed.
    pub fn unavailable_for(&self) -> Option<Duration> {
        self.client.refusal().map(|error| error.retry_after().unwrap_or(RETRY_AFTER))
    }

    /// Calls an action of a saga, and records a span. `read` has a reply for each response that the callee promises. The
    /// outcome of any other response is unknown.
    pub async fn execute<R>(
        &self,
        path: &str,
        body: &Value,
        trace: &TraceContext,
        read: impl FnOnce(&CallResponse) -> Option<Reply<R>> + Send,
    ) -> Reply<R> {
        let (span, began) = (self.spans.within(trace), self.spans.now());
        let reply = match self.post(path, body, Some(&span)).await {
            Ok(answer) => read(&answer).unwrap_or_else(|| {
                tracing::warn!(callee = self.callee, status = %answer.status, "the response of a call is unexpected");
                Reply::Unknown
            }),
            Err(error) if error.certainly_not_sent() => Reply::NotSent(error.retry_after().unwrap_or(RETRY_AFTER)),
            Err(_) => Reply::Unknown,
        };
        self.spans.record(|| Span {
            name: format!("call {}", self.callee).into(),
            side: Side::Client,
            trace: span,
            parent: Some(*trace),
            began,
            ended: self.spans.now(),
            facts: vec![("peer.service", self.callee.into()), ("outcome", Cow::Borrowed(reply.name()))],
            failed: matches!(reply, Reply::NotSent(_) | Reply::Unknown),
        });
        reply
    }

    /// Calls a compensation of a saga. It is confirmed by 200 alone.
    pub async fn compensate(&self, path: &str, body: &Value) -> Result<(), NotCompensated> {
        match self.post(path, body, None).await {
            Ok(answer) if answer.status == StatusCode::OK => Ok(()),
            Ok(answer) => Err(NotCompensated(format!("{} responded with {}", self.callee, answer.status))),
            Err(error) => Err(NotCompensated(format!("{}: {error}", self.callee))),
        }
    }

    async fn post(&self, path: &str, body: &Value, trace: Option<&TraceContext>) -> Result<CallResponse, CallError> {
        let headers = self.headers(trace).map_err(|error| {
            tracing::error!(callee = self.callee, %error, "the headers of a call cannot be made");
            CallError::Unsent(error.to_string())
        })?;
        self.client.send(Method::POST, path, Some(body), headers).await
    }

    /// The headers of a call: its trace, and the token of this context.
    fn headers(&self, trace: Option<&TraceContext>) -> anyhow::Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        if let Some(trace) = trace {
            headers.insert(HeaderName::from_static("traceparent"), HeaderValue::from_str(&trace.to_string())?);
        }
        if let Some(signer) = &self.signer {
            let identity = Identity::new(self.own_name, [""; 0]);
            let mut token = HeaderValue::from_str(&signer.pass(&identity, self.clock.now())?)?;
            // A token is as good as a password while it is valid.
            token.set_sensitive(true);
            headers.insert(HeaderName::from_static(INTERNAL_TOKEN_HEADER), token);
        }
        Ok(headers)
    }
}

impl ReceivedProblem {
    /// The problem in a response. Empty if there is none.
    pub fn of(answer: &CallResponse) -> Self {
        answer.json().unwrap_or_default()
    }

    /// The last part of the type.
    pub fn kind(&self) -> &str {
        self.uri.rsplit(':').next().unwrap_or_default()
    }
}
