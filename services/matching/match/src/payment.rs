use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ambient::Clock;
use anyhow::Context as _;
use async_trait::async_trait;
use calls::Client;
use chassis::spans::{Side, Span};
use chassis::{AuthSettingsError, Host, Spans};
use context::saga::{NotCompensated, Participant, Reply};
use events::{EventSet as _, TraceContext};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use identity::{INTERNAL_TOKEN_HEADER, Identity, SERVICES, TokenSigner};
use match_contract::MatchEvent;
use match_domain::MatchAttempt;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::Config;
use crate::saga::RequestSaga;

/// When a request may be repeated if payment names no time.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Payment, called over HTTP through the guarded call.
pub struct PaymentParticipant {
    client: Client,
    spans: Spans,
    /// Signs the tokens of match. `None`: authentication is disabled at payment.
    signer: Option<TokenSigner>,
    clock: Arc<dyn Clock>,
}

/// The part of a problem document that a student may read.
#[derive(Deserialize)]
struct Problem {
    detail: Option<String>,
}

impl PaymentParticipant {
    /// The payment context of the settings.
    pub fn new(config: &Config, host: &Host) -> anyhow::Result<Self> {
        let key = config.service_signing_key_file.as_deref();
        let signer = key.map(|path| AuthSettingsError::read(path, |pem| TokenSigner::new(pem, SERVICES))).transpose();
        let signer = signer.context("SERVICE_SIGNING_KEY_FILE")?;
        let (url, limits) = (&config.payment_url, &config.calls);
        let client = match &config.payment_transport {
            Some(transport) => Client::over(transport.clone(), "payment", url, limits)?,
            None => Client::new("payment", url, limits)?,
        };
        Ok(Self { client, spans: host.spans(), signer, clock: host.clock() })
    }

    async fn approve(&self, attempt: &MatchAttempt, trace: &TraceContext) -> Reply<String> {
        let headers = match self.headers(Some(trace)) {
            Ok(headers) => headers,
            Err(error) => {
                tracing::error!(%error, "no token for the call of payment could be made");
                return Reply::NotSent(RETRY_AFTER);
            }
        };
        match self.client.send(Method::POST, "/approvals", Some(&bill(attempt)), headers).await {
            Ok(answer) if answer.status == StatusCode::OK => Reply::Done,
            Ok(answer) if answer.status == StatusCode::PAYMENT_REQUIRED => {
                let detail = answer.json::<Problem>().ok().and_then(|problem| problem.detail);
                Reply::Declined(detail.unwrap_or_else(|| "the payment was declined".to_owned()))
            }
            Ok(answer) => {
                tracing::warn!(status = %answer.status, "payment sent an unexpected response");
                Reply::Unknown
            }
            Err(error) if error.certainly_not_sent() => Reply::NotSent(error.retry_after().unwrap_or(RETRY_AFTER)),
            Err(_) => Reply::Unknown,
        }
    }

    /// The headers of a call: its trace, and the token of match.
    fn headers(&self, trace: Option<&TraceContext>) -> anyhow::Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        if let Some(trace) = trace {
            headers.insert(HeaderName::from_static("traceparent"), HeaderValue::from_str(&trace.to_string())?);
        }
        if let Some(signer) = &self.signer {
            let identity = Identity { subject: MatchEvent::CONTEXT.to_owned(), roles: BTreeSet::new() };
            let mut token = HeaderValue::from_str(&signer.pass(&identity, self.clock.now())?)?;
            // A token is as good as a password while it is valid.
            token.set_sensitive(true);
            headers.insert(HeaderName::from_static(INTERNAL_TOKEN_HEADER), token);
        }
        Ok(headers)
    }
}

fn bill(attempt: &MatchAttempt) -> Value {
    json!({ "matchId": attempt.id.get(), "attempt": attempt.number, "price": attempt.price.get() })
}

#[async_trait]
impl Participant<RequestSaga> for PaymentParticipant {
    fn unavailable_for(&self) -> Option<Duration> {
        self.client.refusal().map(|error| error.retry_after().unwrap_or(RETRY_AFTER))
    }

    async fn execute(&self, attempt: &mut MatchAttempt, trace: &TraceContext) -> Reply<String> {
        let (span, began) = (self.spans.within(trace), self.spans.now());
        let reply = self.approve(attempt, &span).await;
        self.spans.record(|| Span {
            name: "ask payment".into(),
            side: Side::Client,
            trace: span,
            parent: Some(*trace),
            began,
            ended: self.spans.now(),
            facts: vec![("peer.service", "payment".into()), ("outcome", reply.name().into())],
            failed: matches!(reply, Reply::NotSent(_) | Reply::Unknown),
        });
        reply
    }

    async fn compensate(&self, attempt: &MatchAttempt) -> Result<(), NotCompensated> {
        let headers = self.headers(None).map_err(|error| NotCompensated(error.to_string()))?;
        match self.client.send(Method::POST, "/cancellations", Some(&bill(attempt)), headers).await {
            Ok(answer) if answer.status == StatusCode::OK => Ok(()),
            Ok(answer) => Err(NotCompensated(format!("payment answered {}", answer.status))),
            Err(error) => Err(NotCompensated(error.to_string())),
        }
    }
}
