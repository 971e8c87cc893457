use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ambient::Clock;
use anyhow::Context as _;
use async_trait::async_trait;
use calls::Client;
use chassis::spans::{Side, Span};
use chassis::{Host, Spans, TrustError};
use events::{EventSet as _, TraceContext};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use identity::{Identity, PASS_HEADER, SERVICES, Signer};
use match_contract::MatchEvent;
use match_domain::Case;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Config;
use crate::ports::{Approval, Payments, Unsettled};

/// When a student may come back if payment says nothing about that.
const COME_BACK: Duration = Duration::from_secs(1);

/// Asks payment over HTTP, through the guarded call.
pub struct PaymentCalls {
    client: Client,
    spans: Spans,
    /// Makes the passes of the match context. `None`: payment runs open.
    signer: Option<Signer>,
    clock: Arc<dyn Clock>,
}

/// The part of a problem document that a student may read.
#[derive(Deserialize)]
struct Problem {
    detail: Option<String>,
}

impl PaymentCalls {
    /// Asks the payment context that the settings name.
    pub fn new(config: &Config, host: &Host) -> anyhow::Result<Self> {
        let key = config.call_key_file.as_deref();
        let signer = key.map(|path| TrustError::read(path, |pem| Signer::new(pem, SERVICES))).transpose();
        let signer = signer.context("CALL_KEY_FILE")?;
        let (url, limits) = (&config.payment_url, &config.calls);
        let client = match &config.payment_transport {
            Some(transport) => Client::over(transport.clone(), "payment", url, limits)?,
            None => Client::new("payment", url, limits)?,
        };
        Ok(Self { client, spans: host.spans(), signer, clock: host.clock() })
    }

    async fn ask(&self, case: &Case, trace: &TraceContext) -> Approval {
        let headers = match self.headers(Some(trace)) {
            Ok(headers) => headers,
            Err(error) => {
                tracing::error!(%error, "no pass for the call of payment could be made");
                return Approval::NotAsked(COME_BACK);
            }
        };
        match self.client.send(Method::POST, "/approvals", Some(&bill(case)), headers).await {
            Ok(answer) if answer.status == StatusCode::OK => Approval::Approved,
            Ok(answer) if answer.status == StatusCode::PAYMENT_REQUIRED => {
                let detail = answer.json::<Problem>().ok().and_then(|problem| problem.detail);
                Approval::Declined(detail.unwrap_or_else(|| "the payment was declined".to_owned()))
            }
            Ok(answer) => {
                tracing::warn!(status = %answer.status, "payment gave an answer that says nothing");
                Approval::Unknown
            }
            Err(error) if error.certainly_not_sent() => Approval::NotAsked(error.retry_after().unwrap_or(COME_BACK)),
            Err(_) => Approval::Unknown,
        }
    }

    /// Who asks, and within which trace.
    fn headers(&self, trace: Option<&TraceContext>) -> anyhow::Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        if let Some(trace) = trace {
            headers.insert(HeaderName::from_static("traceparent"), HeaderValue::from_str(&trace.to_string())?);
        }
        if let Some(signer) = &self.signer {
            let itself = Identity { subject: MatchEvent::CONTEXT.to_owned(), roles: BTreeSet::new() };
            let mut pass = HeaderValue::from_str(&signer.pass(&itself, self.clock.now())?)?;
            // It is as good as a password while it lasts.
            pass.set_sensitive(true);
            headers.insert(HeaderName::from_static(PASS_HEADER), pass);
        }
        Ok(headers)
    }
}

fn bill(case: &Case) -> Value {
    json!({ "matchId": case.id.get(), "attempt": case.attempt, "price": case.price.get() })
}

#[async_trait]
impl Payments for PaymentCalls {
    fn refusal(&self) -> Option<Duration> {
        self.client.refusal().map(|refusal| refusal.retry_after().unwrap_or(COME_BACK))
    }

    async fn approve(&self, case: &Case, trace: &TraceContext) -> Approval {
        let (asking, began) = (self.spans.within(trace), self.spans.now());
        let approval = self.ask(case, &asking).await;
        self.spans.record(|| Span {
            name: "ask payment".into(),
            side: Side::Client,
            trace: asking,
            parent: Some(*trace),
            began,
            ended: self.spans.now(),
            facts: vec![("peer.service", "payment".into()), ("outcome", approval.name().into())],
            failed: matches!(approval, Approval::NotAsked(_) | Approval::Unknown),
        });
        approval
    }

    async fn cancel(&self, case: &Case) -> Result<(), Unsettled> {
        let headers = self.headers(None).map_err(|error| Unsettled(error.to_string()))?;
        match self.client.send(Method::POST, "/cancellations", Some(&bill(case)), headers).await {
            Ok(answer) if answer.status == StatusCode::OK => Ok(()),
            Ok(answer) => Err(Unsettled(format!("payment answered {}", answer.status))),
            Err(error) => Err(Unsettled(error.to_string())),
        }
    }
}
