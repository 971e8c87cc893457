//! The client of a running fleet: HTTP to its processes, Kafka to its broker.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ambient::{Clock, SystemClock};
use clap::Args;
use identity::{INTERNAL_TOKEN_HEADER, TokenSigner};
use messaging::admin::{self, KafkaError};
use messaging::{DeadLetter, RefusedEvent, Status};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;

use crate::plan::args::{ArgsError, FleetArgs};
use crate::plan::keys::{self, KeyError};
use crate::plan::{Plan, ProcessSpec, Role};

/// Time limit of a request. The process queries the broker itself, which may take long to fail.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// Arguments that select a fleet and the URLs of its processes.
#[derive(Debug, Clone, Args)]
pub struct FleetClientArgs {
    /// The fleet.
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// Base URL of a process, if not the one of `flotilla up`; repeatable
    #[arg(long = "url", value_name = "NAME=URL", value_parser = named_url)]
    pub urls: Vec<(String, String)>,
    /// File of the private key with which the gateway signs internal tokens (Ed25519, PEM), for fleets with
    /// authentication [default: the key of `flotilla up --auth` in the folder]
    #[arg(long, value_name = "FILE", env = "FLOTILLA_PASS_KEY")]
    pub pass_key: Option<PathBuf>,
}

/// Why the connection settings of a fleet cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FleetClientError {
    /// No plan can be made from the command line.
    #[error(transparent)]
    Args(#[from] ArgsError),
    /// The fleet has no process or context of this name.
    #[error("{fleet} has no {name}; there are: {known}")]
    Unknown {
        /// The name of the fleet.
        fleet: String,
        /// The unknown name.
        name: String,
        /// The known names.
        known: String,
    },
    /// The address of the broker or the name of the fleet is invalid.
    #[error("{0}")]
    Broker(#[from] clap::Error),
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The HTTP client cannot be made.
    #[error("no HTTP client: {0}")]
    Http(#[from] reqwest::Error),
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// No usable response: the process is unreachable or too slow.
    #[error("{0}")]
    Unavailable(String),
    /// The process rejected the request.
    #[error("{detail}")]
    Rejected {
        /// The status of the response.
        status: StatusCode,
        /// The reason.
        detail: String,
    },
}

/// A client of a running fleet.
#[derive(Clone)]
pub struct FleetClient {
    /// The plan of the fleet.
    pub plan: Plan,
    /// The connection to the broker and the names of the topics.
    pub broker: messaging::Config,
    urls: BTreeMap<String, String>,
    http: reqwest::Client,
    /// Signs the internal tokens of the operator.
    signer: Option<Arc<TokenSigner>>,
}

impl FleetClientArgs {
    /// Makes the client. Sends no request.
    pub fn client(&self) -> Result<FleetClient, FleetClientError> {
        let (_, plan) = self.fleet.plan()?;
        let default_key = || Some(plan.keyring.pass_key()).filter(|key| key.exists());
        let signer = self.pass_key.clone().or_else(default_key).map(|key| keys::signer(&key)).transpose()?;
        let client = FleetClient {
            broker: admin::config(&plan.brokers, &plan.security, &plan.fleet)?,
            urls: self.urls.iter().cloned().collect(),
            http: reqwest::Client::builder().no_proxy().timeout(REQUEST_TIMEOUT).build()?,
            signer: signer.map(Arc::new),
            plan,
        };
        let http_processes = client.names(|process| process.role != Role::Broker);
        client.check_known(self.urls.iter().map(|(name, _)| name), &http_processes)?;
        Ok(client)
    }
}

impl FleetClient {
    /// Validates names of contexts. Returns all contexts if none is named.
    pub fn contexts(&self, chosen: &[String]) -> Result<Vec<String>, FleetClientError> {
        let all = self.names(|process| process.role == Role::Context);
        self.check_known(chosen, &all)?;
        Ok(if chosen.is_empty() { all } else { chosen.to_vec() })
    }

    fn names(&self, which: impl Fn(&ProcessSpec) -> bool) -> Vec<String> {
        self.plan.processes.iter().filter(|process| which(process)).map(|process| process.name.clone()).collect()
    }

    fn check_known<'a>(
        &self,
        names: impl IntoIterator<Item = &'a String>,
        known: &[String],
    ) -> Result<(), FleetClientError> {
        match names.into_iter().find(|name| !known.contains(name)) {
            None => Ok(()),
            Some(name) => Err(FleetClientError::Unknown {
                fleet: self.plan.fleet.clone(),
                name: name.clone(),
                known: known.join(", "),
            }),
        }
    }

    /// The base URL of a process; empty if the fleet has no process of this name.
    pub fn url(&self, name: &str) -> String {
        let planned = || self.plan.processes.iter().find(|process| process.name == name).map(ProcessSpec::url);
        self.urls.get(name).cloned().or_else(planned).unwrap_or_default()
    }

    /// Sends a GET to a process. Every status is a success.
    pub async fn get(&self, name: &str, path: &str) -> Result<Response, RequestError> {
        self.http.get(format!("{}{path}", self.url(name))).send().await.map_err(unavailable)
    }

    /// Sends a request to a context as the operator.
    async fn operate(&self, method: Method, context: &str, path: &str) -> Result<Response, RequestError> {
        let request = self.http.request(method, format!("{}{path}", self.url(context)));
        // Required of every request that is not safe, also without a body.
        self.send(request.header(CONTENT_TYPE, "application/json")).await
    }

    /// Sends a request as the operator.
    async fn send(&self, mut request: RequestBuilder) -> Result<Response, RequestError> {
        if let Some(signer) = &self.signer {
            let token = signer.pass(&keys::operator(), SystemClock.now());
            request = request.header(
                INTERNAL_TOKEN_HEADER,
                token.map_err(|error| RequestError::Unavailable(format!("no internal token: {error}")))?,
            );
        }
        accepted(request.send().await.map_err(unavailable)?).await
    }

    /// The messaging status of a context.
    pub async fn messaging(&self, context: &str) -> Result<Status, RequestError> {
        let response = self.operate(Method::GET, context, "/messaging").await?;
        response.json().await.map_err(unavailable)
    }

    /// Starts the rebuild of a view. Returns the name of its new generation.
    pub async fn rebuild(&self, context: &str) -> Result<String, RequestError> {
        #[derive(Deserialize)]
        struct Started {
            generation: String,
        }
        let response = self.operate(Method::POST, context, "/messaging/rebuild").await?;
        response.json::<Started>().await.map_err(unavailable).map(|started| started.generation)
    }

    /// The events of a context that the broker rejected permanently, oldest first.
    pub async fn refused_events(&self, context: &str) -> Result<Vec<RefusedEvent>, RequestError> {
        let response = self.operate(Method::GET, context, "/messaging/refused").await?;
        response.json().await.map_err(unavailable)
    }

    /// Returns rejected events to the outbox of their context.
    pub async fn put_back(&self, context: &str, event_ids: &[String]) -> Result<(), RequestError> {
        let url = format!("{}/messaging/refused", self.url(context));
        self.send(self.http.post(url).json(&serde_json::json!({ "eventIds": event_ids }))).await.map(drop)
    }

    /// The unresolved dead letters of a context.
    pub async fn dead_letters(&self, context: &str) -> Result<Vec<DeadLetter>, KafkaError> {
        let (broker, context) = (self.broker.clone(), context.to_owned());
        blocking(move || admin::dead_letters(&broker, &context)).await
    }
}

/// Calls the broker on a blocking thread.
pub async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, KafkaError> + Send + 'static,
) -> Result<T, KafkaError> {
    tokio::task::spawn_blocking(call).await.unwrap_or(Err(KafkaError::Canceled))
}

/// The response, if its status is a success.
async fn accepted(response: Response) -> Result<Response, RequestError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = response.text().await.unwrap_or_default();
    Err(RequestError::Rejected { status, detail: detail(status, &text) })
}

/// The detail or title of a problem document, else the status.
fn detail(status: StatusCode, text: &str) -> String {
    if status == StatusCode::UNAUTHORIZED {
        // The problem document is for callers of the gateway.
        return "authentication required: --pass-key names the signing key of the gateway".to_owned();
    }
    let problem = serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
    let text = problem["detail"].as_str().or_else(|| problem["title"].as_str());
    text.map_or_else(|| format!("HTTP status {status}"), str::to_owned)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unavailable(error: reqwest::Error) -> RequestError {
    RequestError::Unavailable(match &error {
        late if late.is_timeout() => format!("no answer within {}", humantime::format_duration(REQUEST_TIMEOUT)),
        refused if refused.is_connect() => "nobody answers there".to_owned(),
        other => format!("unreadable response: {other}"),
    })
}

fn named_url(text: &str) -> Result<(String, String), String> {
    let (name, url) = text.split_once('=').ok_or("a name, '=' and a URL are needed")?;
    if !url.starts_with("http://") {
        return Err("the URL must begin with http://".to_owned());
    }
    Ok((name.to_owned(), url.trim_end_matches('/').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_a_process_has_its_name_before_it_and_no_slash_at_its_end() {
        assert_eq!(named_url("crane=http://h:1/"), Ok(("crane".to_owned(), "http://h:1".to_owned())));
        assert!(named_url("http://h:1").is_err());
        assert!(named_url("crane=h:1").is_err());
    }

    #[test]
    fn a_rejection_has_the_detail_of_the_problem() {
        let shown = |text| detail(StatusCode::CONFLICT, text);
        assert_eq!(shown(r#"{"title":"Conflict","detail":"no view"}"#), "no view");
        assert_eq!(shown(r#"{"title":"Conflict"}"#), "Conflict");
        let unknown = detail(StatusCode::UNAUTHORIZED, r#"{"detail":"a valid token is needed"}"#);
        assert!(unknown.contains("--pass-key"), "{unknown}");
        assert_eq!(shown("<html>"), "HTTP status 409 Conflict");
    }
}
