//! Spans: recorded when they end, and exported over OTLP if there is a collector.
//!
//! The ids of a span are those of the [`TraceContext`] in headers and events, so that spans of other processes find
//! their parent.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use ambient::{Clock, Ids, Timestamp};
use async_trait::async_trait;
use bytes::Bytes;
use events::TraceContext;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{ExporterBuildError, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanData, SpanProcessor};
use tokio::runtime::Handle;

/// The timeout of the last export, at the end of the process.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Records spans. Without a collector recording costs nothing.
#[derive(Clone)]
pub struct Spans {
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
    export: Option<Arc<Exporter>>,
}

struct Exporter {
    processor: BatchSpanProcessor,
    scope: InstrumentationScope,
    share: f64,
}

/// The kind of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It served a request.
    Server,
    /// It sent a request.
    Client,
    /// It published an event.
    Producer,
    /// It consumed an event.
    Consumer,
}

/// A span that has ended.
#[derive(Debug, Clone)]
pub struct Span {
    /// The name, of low cardinality, such as `POST /matches`.
    pub name: Cow<'static, str>,
    /// The kind.
    pub side: Side,
    /// The trace context of the span.
    pub trace: TraceContext,
    /// The trace context of the parent.
    pub parent: Option<TraceContext>,
    /// The start.
    pub began: Timestamp,
    /// The end.
    pub ended: Timestamp,
    /// Attributes, named by the OpenTelemetry conventions: <https://opentelemetry.io/docs/specs/semconv/>.
    pub facts: Vec<(&'static str, Cow<'static, str>)>,
    /// Whether this side failed.
    pub failed: bool,
}

impl fmt::Debug for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_on() { "spans are exported" } else { "spans are not exported" })
    }
}

impl Spans {
    /// Spans without a collector.
    pub fn unwanted(clock: Arc<dyn Clock>, ids: Arc<Ids>) -> Self {
        Self { clock, ids, export: None }
    }

    /// Exports the spans of `service` to the collector at `endpoint`, and records `share` (0 to 1) of the traces
    /// started here. Must be called in the runtime that is to send them.
    ///
    /// # Errors
    ///
    /// When the endpoint is not a URL. An unreachable collector is not an error: its spans are dropped.
    pub fn export(self, service: &'static str, endpoint: &str, share: f64) -> Result<Self, ExporterBuildError> {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(OtlpClient {
                client: Client::builder(TokioExecutor::new()).build_http(),
                runtime: Handle::current(),
            })
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .build()?;
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        processor.set_resource(&Resource::builder().with_service_name(service).build());
        let scope = InstrumentationScope::builder("flotilla").build();
        Ok(Self { export: Some(Arc::new(Exporter { processor, scope, share })), ..self })
    }

    /// Whether spans are exported.
    pub const fn is_on(&self) -> bool {
        self.export.is_some()
    }

    /// Starts a trace, sampled or not.
    pub fn begin(&self) -> TraceContext {
        let share = self.export.as_ref().map_or(1.0, |export| export.share);
        TraceContext::new(&self.ids).sampled(share >= 1.0 || self.ids.chance(share))
    }

    /// A child of `parent`.
    pub fn within(&self, parent: &TraceContext) -> TraceContext {
        parent.child(&self.ids)
    }

    /// The time, for the start and the end of a span.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Records a span if its trace is sampled.
    pub fn record(&self, span: impl FnOnce() -> Span) {
        let Some(export) = &self.export else { return };
        let span = span();
        if span.trace.is_sampled() {
            export.processor.on_end(span.into_span_data(export.scope.clone()));
        }
    }

    /// Exports the remaining spans, at the end of the process.
    pub(crate) async fn flush(self) {
        let Some(export) = self.export else { return };
        let sent = tokio::task::spawn_blocking(move || export.processor.shutdown_with_timeout(FLUSH_TIMEOUT)).await;
        if let Ok(Err(error)) = sent {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

impl Span {
    /// The span of a served request.
    pub fn answered(
        trace: TraceContext,
        parent: Option<TraceContext>,
        method: &'static str,
        route: &str,
        status: StatusCode,
        (began, ended): (Timestamp, Timestamp),
    ) -> Self {
        let facts = vec![
            ("http.request.method", method.into()),
            ("http.route", route.to_owned().into()),
            ("http.response.status_code", status.as_str().to_owned().into()),
        ];
        let (name, failed) = (format!("{method} {route}").into(), status.is_server_error());
        Self { name, side: Side::Server, trace, parent, began, ended, facts, failed }
    }

    fn into_span_data(self, scope: InstrumentationScope) -> SpanData {
        let (trace_id, span_id) = self.trace.ids();
        let context = SpanContext::new(
            TraceId::from_bytes(trace_id),
            SpanId::from_bytes(span_id),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        );
        SpanData {
            span_context: context,
            parent_span_id: self.parent.map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.ids().1)),
            parent_span_is_remote: self.parent.is_some(),
            span_kind: match self.side {
                Side::Server => SpanKind::Server,
                Side::Client => SpanKind::Client,
                Side::Producer => SpanKind::Producer,
                Side::Consumer => SpanKind::Consumer,
            },
            name: self.name,
            start_time: UNIX_EPOCH + self.began.since(Timestamp::from_micros(0)),
            end_time: UNIX_EPOCH + self.ended.since(Timestamp::from_micros(0)),
            attributes: self.facts.into_iter().map(|(name, fact)| KeyValue::new(name, fact.into_owned())).collect(),
            dropped_attributes_count: 0,
            events: opentelemetry_sdk::trace::SpanEvents::default(),
            links: opentelemetry_sdk::trace::SpanLinks::default(),
            status: if self.failed { Status::error("") } else { Status::Unset },
            instrumentation_scope: scope,
        }
    }
}

/// Sends batches in the runtime of the process: the thread of the batch processor has none.
#[derive(Debug)]
struct OtlpClient {
    client: Client<HttpConnector, Full<Bytes>>,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for OtlpClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move {
            let (head, body) = client.request(request.map(Full::new)).await?.into_parts();
            Ok::<_, HttpError>(Response::from_parts(head, body.collect().await?.to_bytes()))
        });
        sent.await?
    }
}
