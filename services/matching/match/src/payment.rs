use std::time::Duration;

use async_trait::async_trait;
use calls::{Client, ConfigError};
use chassis::spans::{Side, Span};
use chassis::{Host, Spans};
use events::TraceContext;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
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
}

/// The part of a problem document that a student may read.
#[derive(Deserialize)]
struct Problem {
    detail: Option<String>,
}

impl PaymentCalls {
    /// Asks the payment context that the settings name.
    pub fn new(config: &Config, host: &Host) -> Result<Self, ConfigError> {
        let (url, limits) = (&config.payment_url, &config.calls);
        let client = match &config.payment_transport {
            Some(transport) => Client::over(transport.clone(), "payment", url, limits)?,
            None => Client::new("payment", url, limits)?,
        };
        Ok(Self { client, spans: host.spans() })
    }

    async fn ask(&self, case: &Case, trace: &TraceContext) -> Approval {
        match self.client.send(Method::POST, "/approvals", Some(&bill(case)), headers(trace)).await {
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
}

fn bill(case: &Case) -> Value {
    json!({ "matchId": case.id.get(), "attempt": case.attempt, "price": case.price.get() })
}

fn headers(trace: &TraceContext) -> HeaderMap {
    let value = HeaderValue::from_str(&trace.to_string());
    value.into_iter().map(|value| (http::HeaderName::from_static("traceparent"), value)).collect()
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
        match self.client.send(Method::POST, "/cancellations", Some(&bill(case)), HeaderMap::new()).await {
            Ok(answer) if answer.status == StatusCode::OK => Ok(()),
            Ok(answer) => Err(Unsettled(format!("payment answered {}", answer.status))),
            Err(error) => Err(Unsettled(error.to_string())),
        }
    }
}
