//! An HTTP client for one process.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ambient::{Clock as _, SystemClock};
use anyhow::{Context as _, Result, bail, ensure};
use identity::{INTERNAL_TOKEN_HEADER, Identity, TokenSigner};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use tokio::time::Instant;

use crate::observe::live::Live;

/// Time limit of a request; longer than any limit of a service.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Idle time of a pooled connection; shorter than that of the services.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// Limit of the pages of a list.
const MAX_PAGES: usize = 100_000;

/// An HTTP client for one process. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
    base: String,
    /// The headers of every request.
    headers: HeaderMap,
    /// The signer and the identity of the internal token of every request.
    pass: Option<(Arc<TokenSigner>, Identity)>,
}

/// A response.
#[derive(Debug, Clone)]
pub struct ApiResponse {
    /// The method and path of the request, for error messages.
    pub asked: String,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The JSON body; null if it is not JSON.
    pub body: Value,
    /// The duration of the request.
    pub took: Duration,
}

/// A client for all processes of a fleet.
pub(crate) fn client() -> Result<Client> {
    Ok(Client::builder().no_proxy().pool_idle_timeout(IDLE_TIMEOUT).build()?)
}

impl Api {
    pub(crate) fn new(client: Client, base: String) -> Self {
        Self { client, base, headers: HeaderMap::new(), pass: None }
    }

    /// The same client with its own connections, from this address of this machine.
    pub fn from_address(&self, address: IpAddr) -> Result<Self> {
        let client = Client::builder().no_proxy().pool_idle_timeout(IDLE_TIMEOUT).local_address(address).build()?;
        Ok(Self { client, ..self.clone() })
    }

    /// The same client with an additional header.
    pub fn with_header(&self, name: &str, value: &str) -> Result<Self> {
        let mut api = self.clone();
        api.headers.append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        Ok(api)
    }

    /// The same client with this bearer token.
    pub fn with_token(&self, token: &str) -> Result<Self> {
        self.with_header("authorization", &format!("Bearer {token}"))
    }

    /// The same client with an internal token, signed for each request.
    pub(crate) fn with_pass(&self, signer: Arc<TokenSigner>, identity: Identity) -> Self {
        Self { pass: Some((signer, identity)), ..self.clone() }
    }

    /// A request for [`Api::send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base)).headers(self.headers.clone());
        let Some((signer, identity)) = &self.pass else { return request };
        // Without a token the request is rejected, which the test shows.
        request.header(INTERNAL_TOKEN_HEADER, signer.pass(identity, SystemClock.now()).unwrap_or_default())
    }

    /// Sends a request. Every status is a success; only a broken connection is an error.
    pub async fn send(&self, request: RequestBuilder) -> Result<ApiResponse> {
        let request = request.timeout(REQUEST_TIMEOUT).build()?;
        let asked = format!("{} {}", request.method(), request.url().path());
        let began = Instant::now();
        let response = self.client.execute(request).await.with_context(|| asked.clone())?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.with_context(|| asked.clone())?;
        let took = began.elapsed();
        Ok(ApiResponse { asked, status, headers, body: serde_json::from_slice(&body).unwrap_or_default(), took })
    }

    /// Sends a GET.
    pub async fn get(&self, path: &str) -> Result<ApiResponse> {
        self.send(self.request(Method::GET, path)).await
    }

    /// Sends a request with a JSON body.
    pub async fn with(&self, method: Method, path: &str, body: &Value) -> Result<ApiResponse> {
        self.send(self.request(method, path).json(body)).await
    }

    /// Sends a POST with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Result<ApiResponse> {
        self.with(Method::POST, path, body).await
    }

    /// All items of a list, in pages of 100. The path may have a query. The items are in `_embedded`, under `rel`.
    pub async fn all(&self, path: &str, rel: &str) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut next = Some(format!("{path}{}size=100", if path.contains('?') { '&' } else { '?' }));
        for _ in 0..MAX_PAGES {
            let Some(link) = next.take() else { return Ok(items) };
            let mut page = self.get(&link).await?.must_be(200)?.body;
            let Value::Array(found) = page["_embedded"][rel].take() else { bail!("{link} has no items: {page}") };
            ensure!(found.len() <= 100, "{link} has {} items", found.len());
            items.extend(found);
            next = page["_links"]["next"]["href"].as_str().map(str::to_owned);
        }
        bail!("{path} has no end")
    }

    /// Opens a stream of server-sent events, resumed after the id `last` if given.
    pub async fn follow(&self, path: &str, last: Option<&str>) -> Result<Live> {
        let mut request = self.request(Method::GET, path);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await?;
        ensure!(response.status() == 200, "{path} answered {}", response.status());
        Ok(Live::new(response))
    }
}

impl ApiResponse {
    /// The response, if it has this status.
    pub fn must_be(self, status: u16) -> Result<Self> {
        ensure!(self.status == status, "{} answered {} and not {status}: {}", self.asked, self.status, self.body);
        Ok(self)
    }

    /// The response, if it is a problem document with this status that contains `word`.
    pub fn must_be_problem(self, status: u16, word: &str) -> Result<Self> {
        let answer = self.must_be(status)?;
        let kind = answer.header("content-type").unwrap_or_default();
        ensure!(kind == "application/problem+json", "{} answered {kind:?}", answer.asked);
        ensure!(answer.body["status"] == status, "{} answered {}", answer.asked, answer.body);
        ensure!(answer.body.to_string().contains(word), "{} does not say {word:?}: {}", answer.asked, answer.body);
        Ok(answer)
    }

    /// A header, if it is present and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
