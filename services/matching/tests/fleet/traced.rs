//! One trace leads from the gateway through calls and topics to the views, and the logs name it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use matching_tests::{People, SOON};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::Value;
use testkit::{Fleet, eventually};
use tokio::net::TcpListener;

/// What was exported: each span with the service that it comes from.
type Exported = Arc<Mutex<Vec<(String, Span)>>>;

/// A collector of our own, on a port of its own.
async fn collector() -> Result<(String, Exported)> {
    let exported = Exported::default();
    let routes = Router::new().route("/v1/traces", post(collect)).with_state(Arc::clone(&exported));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok((endpoint, exported))
}

async fn collect(State(exported): State<Exported>, body: Bytes) {
    let batch = ExportTraceServiceRequest::decode(body).unwrap();
    for resource in batch.resource_spans {
        let attributes = resource.resource.unwrap().attributes;
        let name = attributes.into_iter().find(|attribute| attribute.key == "service.name").unwrap();
        let service = format!("{:?}", name.value.unwrap().value.unwrap());
        let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        exported.lock().unwrap().extend(spans.map(|span| (word(&service), span)));
    }
}

/// The text in a value's debug form.
fn word(value: &str) -> String {
    value.split('"').nth(1).unwrap_or_default().to_owned()
}

fn of_trace(exported: &Exported, trace_id: &str) -> Vec<(String, Span)> {
    let trace_id = u128::from_str_radix(trace_id, 16).unwrap().to_be_bytes();
    exported.lock().unwrap().iter().filter(|(_, span)| span.trace_id == trace_id).cloned().collect()
}

/// `service: name < name of its parent`, for each span.
fn steps(spans: &[(String, Span)]) -> BTreeSet<String> {
    let names: BTreeMap<_, _> = spans.iter().map(|(_, span)| (span.span_id.clone(), span.name.clone())).collect();
    let parent = |span: &Span| match names.get(&span.parent_span_id) {
        Some(name) => name.clone(),
        None if span.parent_span_id.is_empty() => "nothing".to_owned(),
        None => "somebody unknown".to_owned(),
    };
    spans.iter().map(|(service, span)| format!("{service}: {} < {}", span.name, parent(span))).collect()
}

pub async fn one_trace_leads_from_the_gateway_through_calls_and_topics_to_the_views(fleet: &mut Fleet) -> Result<()> {
    let (endpoint, exported) = collector().await?;
    for name in ["gateway", "match", "payment", "visit", "mypage"] {
        fleet.set(name, "OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)?;
        fleet.set(name, "OTEL_BSP_SCHEDULE_DELAY", "100")?;
    }
    fleet.start_all().await?;
    let answer = People::of(fleet)?.request(5000).await?.must_be(201)?;
    let trace_id = answer.header("x-trace-id").context("the gateway names the trace")?.to_owned();
    let expected = [
        "gateway: POST /matches < nothing",
        "match: POST /matches < POST /matches",
        "match: call payment < POST /matches",
        "payment: POST /approvals < call payment",
        "payment: publish PaymentApproved < POST /approvals",
        "match: publish MatchRequested < POST /matches",
        "visit: process PaymentApproved < POST /approvals",
        "mypage: process PaymentApproved < POST /approvals",
        "mypage: process MatchRequested < POST /matches",
    ];
    let expected: BTreeSet<String> = expected.map(str::to_owned).into();
    eventually(SOON, "all steps are in the trace", async || {
        let steps = steps(&of_trace(&exported, &trace_id));
        ensure!(steps == expected, "{steps:#?}");
        Ok(())
    })
    .await
}

pub async fn a_line_of_a_log_names_the_trace_and_the_match_that_it_is_about(fleet: &mut Fleet) -> Result<()> {
    fleet.set("match", "LOG_FORMAT", "json")?;
    fleet.start_all().await?;
    fleet.alter("match", "ALTER TABLE matches RENAME TO elsewhere").await?;
    let answer = fleet.gateway()?.get("/matches/5000").await?.must_be_problem(500, "")?;
    let trace_id = answer.header("x-trace-id").context("the gateway names the trace")?;
    let log = fleet.log("match")?;
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let about: Vec<Value> = lines.filter(|line| line["span"]["trace_id"] == trace_id).collect();
    ensure!(!about.is_empty(), "no line names {trace_id}: {log}");
    ensure!(about.iter().all(|line| line["span"]["case"] == 5000), "{about:?}");
    Ok(())
}
