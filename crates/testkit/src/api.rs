use std::sync::Arc;
use std::time::Duration;

use ambient::{Clock as _, SystemClock};
use anyhow::{Context as _, Result, bail, ensure};
use identity::{Identity, PASS_HEADER, Signer};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use tokio::time::Instant;

use crate::live::Live;

/// Longer than any limit of a service: whoever needs it hangs.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// Shorter than services keep idle connections open.
const IDLE: Duration = Duration::from_secs(4);
/// More pages than any test has.
const MOST_PAGES: usize = 100_000;

/// Asks one process over HTTP. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
    base: String,
    /// What every request has.
    headers: HeaderMap,
    /// Who makes a pass for every request, and for whom.
    pass: Option<(Arc<Signer>, Identity)>,
}

/// An answer, with its body if that is JSON.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was asked, for error messages.
    pub asked: String,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; null if it is not JSON.
    pub body: Value,
    /// How long it took.
    pub took: Duration,
}

/// A client for all processes of a fleet.
pub(crate) fn client() -> Result<Client> {
    Ok(Client::builder().no_proxy().pool_idle_timeout(IDLE).build()?)
}

impl Api {
    pub(crate) fn new(client: Client, base: String) -> Self {
        Self { client, base, headers: HeaderMap::new(), pass: None }
    }

    /// The same, but every request has this header too, whatever it says.
    pub fn with_header(&self, name: &str, value: &str) -> Result<Self> {
        let mut api = self.clone();
        api.headers.append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        Ok(api)
    }

    /// The same, but every request has this token.
    pub fn with_token(&self, token: &str) -> Result<Self> {
        self.with_header("authorization", &format!("Bearer {token}"))
    }

    /// The same, but every request has a pass for somebody, made when it is sent.
    pub(crate) fn with_pass(&self, signer: Arc<Signer>, identity: Identity) -> Self {
        Self { pass: Some((signer, identity)), ..self.clone() }
    }

    /// A request to be completed and handed to [`Api::send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base)).headers(self.headers.clone());
        let Some((signer, identity)) = &self.pass else { return request };
        // Whoever has no pass is refused: that is seen.
        request.header(PASS_HEADER, signer.pass(identity, SystemClock.now()).unwrap_or_default())
    }

    /// Sends a request. Every answer is fine; only a connection that breaks is an error.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer> {
        let request = request.timeout(ANSWER_LIMIT).build()?;
        let asked = format!("{} {}", request.method(), request.url().path());
        let began = Instant::now();
        let answer = self.client.execute(request).await.with_context(|| asked.clone())?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.bytes().await.with_context(|| asked.clone())?;
        let took = began.elapsed();
        Ok(Answer { asked, status, headers, body: serde_json::from_slice(&body).unwrap_or_default(), took })
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(self.request(Method::GET, path)).await
    }

    /// Sends a JSON body.
    pub async fn with(&self, method: Method, path: &str, body: &Value) -> Result<Answer> {
        self.send(self.request(method, path).json(body)).await
    }

    /// POST with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.with(Method::POST, path, body).await
    }

    /// All items of a list, page by page in pages of 100. The items stand below `_embedded` and `rel`.
    pub async fn all(&self, path: &str, rel: &str) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut next = Some(format!("{path}?size=100"));
        for _ in 0..MOST_PAGES {
            let Some(link) = next.take() else { return Ok(items) };
            let mut page = self.get(&link).await?.must_be(200)?.body;
            let Value::Array(found) = page["_embedded"][rel].take() else { bail!("{link} has no items: {page}") };
            ensure!(found.len() <= 100, "{link} has {} items", found.len());
            items.extend(found);
            next = page["_links"]["next"]["href"].as_str().map(str::to_owned);
        }
        bail!("{path} has no end")
    }

    /// Follows a live stream, after the message with the id `last` if there is one.
    pub async fn follow(&self, path: &str, last: Option<&str>) -> Result<Live> {
        let mut request = self.request(Method::GET, path);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = request.send().await?;
        ensure!(answer.status() == 200, "{path} answered {}", answer.status());
        Ok(Live::new(answer))
    }
}

impl Answer {
    /// The answer, if it has this status.
    pub fn must_be(self, status: u16) -> Result<Self> {
        ensure!(self.status == status, "{} answered {} and not {status}: {}", self.asked, self.status, self.body);
        Ok(self)
    }

    /// The answer, if it is a problem document of this status whose text names `word`.
    pub fn must_be_problem(self, status: u16, word: &str) -> Result<Self> {
        let answer = self.must_be(status)?;
        let kind = answer.header("content-type").unwrap_or_default();
        ensure!(kind == "application/problem+json", "{} answered {kind:?}", answer.asked);
        ensure!(answer.body["status"] == status, "{} answered {}", answer.asked, answer.body);
        ensure!(answer.body.to_string().contains(word), "{} does not say {word:?}: {}", answer.asked, answer.body);
        Ok(answer)
    }

    /// A header, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
