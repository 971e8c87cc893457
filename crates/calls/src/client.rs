//! The client of one callee, and the stack of guards that every call goes through.

use http::{HeaderMap, HeaderValue, Method, header};
use reqwest::redirect::Policy as Redirects;
use reqwest::{Request, Url};
use serde_json::Value;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt};

use crate::breaker::{Breaker, BreakerLayer};
use crate::bulkhead::Bulkhead;
use crate::exchange::Exchange;
use crate::meter::{self, Meter};
use crate::time_limit::TimeLimit;
use crate::{Answer, CallError, Config, ConfigError};

/// What carries a request to the callee and its whole answer back: HTTP; in a simulation something else.
pub type Transport = BoxCloneSyncService<Request, Answer, CallError>;

type Stack = Breaker<Bulkhead<TimeLimit<Transport>>>;

/// Calls one other service. Clones are cheap and share everything: connections, slots and the breaker.
#[derive(Clone)]
pub struct Client {
    name: &'static str,
    base_url: Url,
    stack: Stack,
}

impl Client {
    /// `name` is the callee in logs and metrics. The metrics recorder must have been installed before.
    pub fn new(name: &'static str, base_url: &str, config: &Config) -> Result<Client, ConfigError> {
        config.check()?;
        let exchange = Exchange::new(http_client(config)?, config.call_answer_limit);
        Client::over(Transport::new(exchange), name, base_url, config)
    }

    /// The same over another transport than HTTP, with the same guards.
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

    /// Asks, and waits for the whole answer or the reason why there is none. Any status below 500 is an answer.
    ///
    /// `path` begins with a slash and may have a query. Dropping the future gives the call up.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: HeaderMap,
    ) -> Result<Answer, CallError> {
        let meter = Meter::begin(self.name);
        let result = match self.request(method, path, body, headers) {
            Ok(request) => self.stack.clone().oneshot(request).await,
            Err(error) => Err(error),
        };
        meter.end(&result);
        result
    }

    /// The refusal that a call would meet now, for callers who prepare a call at some cost. `None`: it is worth trying.
    pub fn refusal(&self) -> Option<CallError> {
        self.stack.refusal().map(|retry_after| CallError::Open { retry_after })
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
    let time_limit = config.call_time_limit;
    ServiceBuilder::new()
        // Outside the time limit, so that it sees time-outs; before the slots, so that a refusal takes none.
        .layer(BreakerLayer::new(name, config.rules()))
        // Before the time limit: it does not queue, and after one time limit all that is on its way now has ended.
        .layer_fn(|inner| Bulkhead::new(inner, name, config.call_max_in_flight, time_limit))
        // Around the whole exchange: connecting, sending, and reading the answer to its end.
        .layer_fn(|inner| TimeLimit::new(inner, time_limit))
        .service(transport)
}

fn http_client(config: &Config) -> Result<reqwest::Client, ConfigError> {
    reqwest::Client::builder()
        .pool_idle_timeout(config.call_idle_connection)
        // A call goes where it was aimed at, once: the caller decides about anything else.
        .redirect(Redirects::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .build()
        .map_err(ConfigError::Http)
}

fn service_url(text: &str) -> Result<Url, ConfigError> {
    let refuse = |reason: String| ConfigError::BaseUrl { url: text.to_owned(), reason };
    let url = Url::parse(text).map_err(|error| refuse(error.to_string()))?;
    if url.scheme() != "http" {
        return Err(refuse("it must begin with http://".to_owned()));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("it must end with a host, a port or a path".to_owned()));
    }
    Ok(url)
}
