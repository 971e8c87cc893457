//! A fleet that runs somewhere: how its processes and its broker are reached.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ambient::{Clock, SystemClock};
use clap::Args;
use identity::{PASS_HEADER, Signer};
use messaging::admin::{self, KafkaError};
use messaging::{DeadLetter, Status};
use reqwest::{Method, Response, StatusCode};
use serde::Deserialize;

use crate::args::{ArgsError, FleetArgs};
use crate::keys::{self, KeyError};
use crate::plan::{Plan, ProcessSpec, Role};

/// How long a process may take to answer. It asks the broker itself, which may take its time to say nothing.
const ANSWER: Duration = Duration::from_secs(15);

/// Which fleet, and where its processes answer.
#[derive(Debug, Clone, Args)]
pub struct RunningArgs {
    /// The fleet, as `flotilla up` is told.
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// Where a process answers, if not where `flotilla up` would start it; may be repeated
    #[arg(long = "url", value_name = "NAME=URL", value_parser = named_url)]
    pub urls: Vec<(String, String)>,
    /// The file with the private key of its gateway's passes (Ed25519, PEM), if it asks who asks
    /// [default: that of `flotilla up --auth` in the folder]
    #[arg(long, value_name = "FILE", env = "FLOTILLA_PASS_KEY")]
    pub pass_key: Option<PathBuf>,
}

/// Why it is not known how to reach the fleet.
#[derive(Debug, thiserror::Error)]
pub enum RunningError {
    /// The command line leads to no plan.
    #[error(transparent)]
    Args(#[from] ArgsError),
    /// A name that is none of the fleet's.
    #[error("{fleet} has no {name}; there are: {known}")]
    Unknown {
        /// The fleet.
        fleet: String,
        /// The name.
        name: String,
        /// Those there are.
        known: String,
    },
    /// The broker's address or the fleet's name is refused.
    #[error("{0}")]
    Broker(#[from] clap::Error),
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Nothing could ask the services.
    #[error("no HTTP client: {0}")]
    Http(#[from] reqwest::Error),
}

/// Why a process did not say what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// It is not there, or too slow.
    #[error("{0}")]
    Silent(String),
    /// It said no.
    #[error("{detail}")]
    Refused {
        /// How.
        status: StatusCode,
        /// Why.
        detail: String,
    },
}

/// A fleet that runs somewhere.
#[derive(Clone)]
pub struct Running {
    /// What it is made of.
    pub plan: Plan,
    /// How its broker is reached, and how its topics are called.
    pub broker: messaging::Config,
    urls: BTreeMap<String, String>,
    http: reqwest::Client,
    /// Makes the passes by which services know who operates them.
    signer: Option<Arc<Signer>>,
}

impl RunningArgs {
    /// The fleet, whether it runs or not: nothing is asked yet.
    pub fn find(&self) -> Result<Running, RunningError> {
        let (_, plan) = self.fleet.plan()?;
        let own = || Some(plan.keyring.pass_key()).filter(|key| key.exists());
        let signer = self.pass_key.clone().or_else(own).map(|key| keys::signer(&key)).transpose()?;
        let running = Running {
            broker: admin::config(&plan.brokers, &plan.security, &plan.fleet)?,
            urls: self.urls.iter().cloned().collect(),
            http: reqwest::Client::builder().no_proxy().timeout(ANSWER).build()?,
            signer: signer.map(Arc::new),
            plan,
        };
        let answering = running.names(|process| process.role != Role::Broker);
        running.known(self.urls.iter().map(|(name, _)| name), &answering)?;
        Ok(running)
    }
}

impl Running {
    /// These contexts; all of the fleet if none is named.
    pub fn contexts(&self, chosen: &[String]) -> Result<Vec<String>, RunningError> {
        let all = self.names(|process| process.role == Role::Context);
        self.known(chosen, &all)?;
        Ok(if chosen.is_empty() { all } else { chosen.to_vec() })
    }

    fn names(&self, which: impl Fn(&ProcessSpec) -> bool) -> Vec<String> {
        self.plan.processes.iter().filter(|process| which(process)).map(|process| process.name.clone()).collect()
    }

    fn known<'a>(&self, names: impl IntoIterator<Item = &'a String>, known: &[String]) -> Result<(), RunningError> {
        match names.into_iter().find(|name| !known.contains(name)) {
            None => Ok(()),
            Some(name) => Err(RunningError::Unknown {
                fleet: self.plan.fleet.clone(),
                name: name.clone(),
                known: known.join(", "),
            }),
        }
    }

    /// Where a process answers; empty if the fleet has none of this name.
    pub fn url(&self, name: &str) -> String {
        let planned = || self.plan.processes.iter().find(|process| process.name == name).map(ProcessSpec::url);
        self.urls.get(name).cloned().or_else(planned).unwrap_or_default()
    }

    /// Asks a process, whatever the status of its answer.
    pub async fn get(&self, name: &str, path: &str) -> Result<Response, AskError> {
        self.http.get(format!("{}{path}", self.url(name))).send().await.map_err(silent)
    }

    /// Asks a context as whoever operates it.
    async fn operate(&self, method: Method, context: &str, path: &str) -> Result<Response, AskError> {
        let mut request = self.http.request(method, format!("{}{path}", self.url(context)));
        if let Some(signer) = &self.signer {
            let pass = signer.pass(&keys::operator(), SystemClock.now());
            request = request.header(PASS_HEADER, pass.map_err(|error| AskError::Silent(format!("no pass: {error}")))?);
        }
        accepted(request.send().await.map_err(silent)?).await
    }

    /// How the messaging of a context stands.
    pub async fn messaging(&self, context: &str) -> Result<Status, AskError> {
        let answer = self.operate(Method::GET, context, "/messaging").await?;
        answer.json().await.map_err(silent)
    }

    /// Has a view rebuilt, and tells the name of its new generation.
    pub async fn rebuild(&self, context: &str) -> Result<String, AskError> {
        #[derive(Deserialize)]
        struct Begun {
            generation: String,
        }
        let answer = self.operate(Method::POST, context, "/messaging/rebuild").await?;
        answer.json::<Begun>().await.map_err(silent).map(|begun| begun.generation)
    }

    /// The dead letters of a context that are open.
    pub async fn dead_letters(&self, context: &str) -> Result<Vec<DeadLetter>, KafkaError> {
        let (broker, context) = (self.broker.clone(), context.to_owned());
        blocking(move || admin::dead_letters(&broker, &context)).await
    }
}

/// Asks the broker away from the runtime's thread.
pub async fn blocking<T: Send + 'static>(
    ask: impl FnOnce() -> Result<T, KafkaError> + Send + 'static,
) -> Result<T, KafkaError> {
    tokio::task::spawn_blocking(ask).await.unwrap_or(Err(KafkaError::Canceled))
}

/// An answer that is no refusal.
async fn accepted(answer: Response) -> Result<Response, AskError> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let text = answer.text().await.unwrap_or_default();
    Err(AskError::Refused { status, detail: detail(status, &text) })
}

/// What a problem says, or else its status alone.
fn detail(status: StatusCode, text: &str) -> String {
    if status == StatusCode::UNAUTHORIZED {
        // What it says is for those who come through its gateway.
        return "it does not know who asks: --pass-key names the key of its gateway".to_owned();
    }
    let problem = serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
    let said = problem["detail"].as_str().or_else(|| problem["title"].as_str());
    said.map_or_else(|| format!("it answers {status}"), str::to_owned)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn silent(error: reqwest::Error) -> AskError {
    AskError::Silent(match &error {
        late if late.is_timeout() => format!("no answer within {}", humantime::format_duration(ANSWER)),
        nobody if nobody.is_connect() => "nobody answers there".to_owned(),
        other => format!("no answer that can be read: {other}"),
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
    fn a_refusal_tells_what_the_problem_says() {
        let told = |text| detail(StatusCode::CONFLICT, text);
        assert_eq!(told(r#"{"title":"Conflict","detail":"no view"}"#), "no view");
        assert_eq!(told(r#"{"title":"Conflict"}"#), "Conflict");
        let unknown = detail(StatusCode::UNAUTHORIZED, r#"{"detail":"a valid token is needed"}"#);
        assert!(unknown.contains("--pass-key"), "{unknown}");
        assert_eq!(told("<html>"), "it answers 409 Conflict");
    }
}
