//! `Idempotency-Key`: draft-ietf-httpapi-idempotency-key-header.

use std::time::Duration;

use axum::http::HeaderMap;
use chassis::Host;
use chassis::openapi::text_like;
use chassis::problem::Problem;
use store::{Store, idempotency};
use tokio::time::sleep;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterIn};

const NAME: &str = "Idempotency-Key";

/// The maximum length of a key in characters.
const MAX_LENGTH: usize = 255;

/// The interval between purges.
const PURGE_INTERVAL: Duration = Duration::from_mins(10);

/// The headers have no valid idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyError {
    /// There is more than one.
    Several,
    /// It is empty, too long, or has other than visible ASCII characters.
    Form,
}

impl KeyError {
    /// Each of them.
    pub(crate) const ALL: [Self; 2] = [Self::Several, Self::Form];
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        Self::bad_request(match error {
            KeyError::Several => format!("{NAME} must be there once"),
            KeyError::Form => format!("{NAME} must be 1 to {MAX_LENGTH} visible ASCII characters, without spaces"),
        })
    }
}

/// The idempotency key of a request. `None` if it has none.
pub fn read(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all(NAME).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    if keys.next().is_some() {
        return Err(KeyError::Several.into());
    }
    let key = key.to_str().ok().filter(|key| key.bytes().all(|byte| byte.is_ascii_graphic()));
    let key = key.filter(|key| (1..=MAX_LENGTH).contains(&key.len()));
    key.map(|key| Some(key.to_owned())).ok_or_else(|| KeyError::Form.into())
}

/// The parameter, for the document.
pub(crate) fn parameter() -> Parameter {
    let about = "Stands for this request, with its id or without one: again under the same key it is answered with the same \
                 resource, and another request under it is refused.";
    let schema = text_like("^[!-~]+$", MAX_LENGTH).min_length(Some(1));
    let parameter = Parameter::builder().name(NAME).parameter_in(ParameterIn::Header).required(Required::False);
    parameter.schema(Some(schema)).description(Some(about)).build()
}

/// Starts a background task that deletes idempotency keys older than `retention`.
pub fn start_purging(store: &Store, host: &Host, retention: Duration) {
    let (store, clock, stop) = (store.clone(), host.clock(), host.stopping());
    host.spawn("idempotency keys", async move {
        while !stop.is_cancelled() {
            if let Err(error) = idempotency::purge(&store, clock.now(), retention).await {
                tracing::warn!(%error, "idempotency keys were not purged");
            }
            stop.run_until_cancelled(sleep(PURGE_INTERVAL)).await;
        }
    });
}
