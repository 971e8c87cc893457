//! The client of one callee, with the guards of every call.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, header};
use reqwest::redirect::Policy as Redirects;
use reqwest::{Request, Url};
use serde_json::Value;
use tower::load_shed::error::Overloaded;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder, ServiceExt};

use crate::breaker::{Breaker, BreakerLayer};
use crate::config::{Config, ConfigError};
use crate::error::CallError;
use crate::exchange::Exchange;
use crate::meter::{self, InFlight, Meter};
use crate::response::CallResponse;

/// Sends a request and returns the whole response: over HTTP, or simulated.
pub type Transport = BoxCloneSyncService<Request, CallResponse, CallError>;

type Stack = Breaker<Transport>;

/// Calls one other service. Clones are cheap and share connections, permits and the breaker.
#[derive(Clone)]
pub struct Client {
    name: &'static str,
    base_url: Url,
    stack: Stack,
}

impl Client {
    /// `name` is the callee in logs and metrics. Install the metrics recorder first.
    pub fn new(name: &'static str, base_url: &str, config: &Config) -> Result<Client, ConfigError> {
        config.check()?;
        let exchange = Exchange::new(http_client(config)?, config.call_answer_limit);
        Client::over(Transport::new(exchange), name, base_url, config)
    }

    /// A client with another transport than HTTP, and the same guards.
    pub fn over(
        transport: Transport,
        name: &'static str,
        base_url: &str,
        config: &Config,
    ) -> Result<Client, ConfigError> {
        config.check()?;
        meter::describe();
        Ok(Client { name, base_url: service_url(base_url)?, stack: stack(transport, name, config) })
    }

    /// Sends a request and waits for the whole response. Any status below 500 is a response.
    ///
    /// `path` begins with a slash and may have a query. Dropping the future cancels the call.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: HeaderMap,
    ) -> Result<CallResponse, CallError> {
        let meter = Meter::begin(self.name);
        let result = match self.request(method, path, body, headers) {
            Ok(request) => self.stack.clone().oneshot(request).await,
            Err(error) => Err(error),
        };
        meter.end(&result);
        result
    }

    /// The error with which a call would be rejected now, for callers whose preparations are expensive. `None`: a call
    /// may succeed.
    pub fn refusal(&self) -> Option<CallError> {
        self.stack.unavailable_for().map(|retry_after| CallError::Open { retry_after })
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: HeaderMap,
    ) -> Result<Request, CallError> {
        let mut request = Request::new(method, self.url(path)?);
        *request.headers_mut() = headers;
        if let Some(body) = body {
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.to_string().into());
        }
        Ok(request)
    }

    /// Joined as text: `Url::join` would drop the path of the base.
    fn url(&self, path: &str) -> Result<Url, CallError> {
        if !path.starts_with('/') {
            return Err(CallError::Unsent("the path does not begin with a slash".to_owned()));
        }
        let base = self.base_url.as_str().trim_end_matches('/');
        Url::parse(&format!("{base}{path}")).map_err(|error| CallError::Unsent(error.to_string()))
    }
}

/// The guards, from the outside in.
fn stack(transport: Transport, name: &'static str, config: &Config) -> Stack {
    let (time_limit, in_flight) = (config.call_time_limit, InFlight::new(name));
    ServiceBuilder::new()
        // Outside the time limit, to see time-outs.
        .layer(BreakerLayer::new(name, config.rules()))
        .layer_fn(Transport::new)
        .map_err(move |error| call_error(error, time_limit))
        // Rejects a call if no permit is free. It does not queue: the callee is slow already, and the queue would take the
        // memory of the caller.
        .load_shed()
        .concurrency_limit(config.call_max_in_flight)
        .map_future(move |call| in_flight.measure(call))
        // Around the whole exchange: connecting, sending, and reading the response to its end.
        .timeout(time_limit)
        .service(transport)
}

/// All calls in flight have ended after one time limit.
fn call_error(error: BoxError, time_limit: Duration) -> CallError {
    match error.downcast::<CallError>() {
        Ok(error) => *error,
        Err(error) if error.is::<Overloaded>() => CallError::Busy { retry_after: time_limit },
        // The only other layer that fails is the time limit.
        Err(_) => CallError::TimedOut,
    }
}

fn http_client(config: &Config) -> Result<reqwest::Client, ConfigError> {
    reqwest::Client::builder()
        .pool_idle_timeout(config.call_idle_connection)
        // A call is sent once, to its own address. Anything else is up to the caller.
        .redirect(Redirects::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .build()
        .map_err(ConfigError::Http)
}

fn service_url(text: &str) -> Result<Url, ConfigError> {
    let invalid = |reason: String| ConfigError::BaseUrl { url: text.to_owned(), reason };
    let url = Url::parse(text).map_err(|error| invalid(error.to_string()))?;
    if url.scheme() != "http" {
        return Err(invalid("it must begin with http://".to_owned()));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("it must end with a host, a port or a path".to_owned()));
    }
    Ok(url)
}
