//! Who asks: what the gateway vouches for, so that a service can decide what is whose.
//!
//! A pass is signed by the gateway, which strips whatever a client says of itself. A client that reaches a service directly
//! has none, and cannot make one.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ambient::Clock;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use clap::{ArgAction, Args};
use hyper::http::Extensions;
use hyper::http::request::Parts;
use identity::{Identity, PASS_HEADER, PERSONS, PassKeyError, Passes, SERVICES};

use crate::problem::Problem;

/// Whom a service believes about who asks.
#[derive(Args, Debug, Clone, Default)]
pub struct Trust {
    /// The file with the public keys (Ed25519, PEM) of the gateway: requests without a pass of its are refused.
    ///
    /// Without it the service is open: it takes every request as one that may do all.
    #[arg(long, env = "PASS_KEY_FILE")]
    pub pass_key_file: Option<PathBuf>,

    /// The file with the public keys (Ed25519, PEM) of services that may ask this one on their own behalf.
    #[arg(long, env = "CALLER_KEY_FILE", requires = "pass_key_file")]
    pub caller_key_file: Option<PathBuf>,

    /// The role of those who may see and do all that concerns the process itself (`/messaging`).
    #[arg(long, env = "OPERATOR_ROLE", default_value = "operator")]
    pub operator_role: String,

    /// Refuse to start open.
    #[arg(long, env = "REQUIRE_IDENTITY", default_value = "false", action = ArgAction::Set)]
    pub require_identity: bool,
}

/// Why it cannot be known who asks.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file is not there, or not to be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// There is no key in it.
    #[error("{}: {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: PassKeyError,
    },
    /// It must not be open, and nothing else was said.
    #[error("PASS_KEY_FILE is not set, and REQUIRE_IDENTITY forbids to run open")]
    Open,
}

impl TrustError {
    /// Reads a key file.
    pub fn read<T>(path: &Path, key: impl FnOnce(&str) -> Result<T, PassKeyError>) -> Result<T, Self> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|source| Self::File { path: path.to_owned(), source })?;
        key(&text).map_err(|source| Self::Key { path: path.to_owned(), source })
    }
}

/// Tells who asks.
#[derive(Debug)]
pub(crate) struct Doorkeeper {
    persons: Passes,
    services: Option<Passes>,
    operator_role: Arc<str>,
}

impl Doorkeeper {
    /// Nobody if the settings leave the service open.
    pub(crate) fn new(trust: &Trust) -> Result<Option<Self>, TrustError> {
        let Some(persons) = &trust.pass_key_file else {
            return if trust.require_identity { Err(TrustError::Open) } else { Ok(None) };
        };
        let persons = TrustError::read(persons, |text| Passes::new(text, PERSONS))?;
        let services = trust.caller_key_file.as_deref();
        let services = services.map(|path| TrustError::read(path, |text| Passes::new(text, SERVICES))).transpose()?;
        Ok(Some(Self { persons, services, operator_role: trust.operator_role.as_str().into() }))
    }

    fn read(&self, pass: &str, clock: &dyn Clock) -> Result<Asker, Problem> {
        let now = clock.now();
        let as_service = || self.services.as_ref().and_then(|services| services.read(pass, now).ok());
        match self.persons.read(pass, now) {
            Ok(identity) => Ok(Asker::Person { identity, operator_role: Arc::clone(&self.operator_role) }),
            Err(refusal) => as_service().map(|_| Asker::Service).ok_or_else(|| {
                // Whoever gets here has got past the gateway, or runs with another clock.
                tracing::warn!(%refusal, "a pass is not believed");
                Problem::unauthorized()
            }),
        }
    }
}

/// Who asks, as a handler may know it.
#[derive(Debug, Clone)]
pub enum Asker {
    /// It is not known: this process runs open, and lets everyone do everything.
    Anyone,
    /// Somebody whom the gateway vouches for.
    Person {
        /// Who.
        identity: Identity,
        /// See [`Trust::operator_role`].
        operator_role: Arc<str>,
    },
    /// Another service of the fleet, on its own behalf.
    Service,
}

/// Whose things somebody may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All there are.
    All,
    /// Those of this subject.
    Own(String),
}

impl Scope {
    /// Whether it includes a thing that belongs to `owner`, if it belongs to anybody.
    pub fn includes(&self, owner: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::Own(subject) => owner == Some(subject),
        }
    }
}

impl Asker {
    /// Who asks, as the extensions of a request tell.
    ///
    /// Outside [`router`](crate::router), as in tests of routes alone, nobody vouches for anybody.
    pub fn of(request: &Extensions) -> Self {
        request.get().cloned().unwrap_or(Self::Anyone)
    }

    /// The subject of somebody who asks in this role. `None` if it is not known who asks.
    pub fn in_role(self, role: &str) -> Result<Option<String>, Problem> {
        self.in_any(&[role])?;
        Ok(match self {
            Self::Person { identity, .. } => Some(identity.subject),
            Self::Anyone | Self::Service => None,
        })
    }

    /// Refuses those who have none of these roles.
    pub fn in_any(&self, roles: &[&str]) -> Result<(), Problem> {
        match self {
            Self::Anyone => Ok(()),
            Self::Person { identity, .. } if roles.iter().any(|role| identity.is(role)) => Ok(()),
            Self::Person { .. } | Self::Service => {
                Err(Problem::forbidden(format!("this is for the role {}", roles.join(" or "))))
            }
        }
    }

    /// What is seen by somebody who sees his own things in the role `own`, and all of them in the role `all`.
    pub fn scope(self, own: &str, all: &str) -> Result<Scope, Problem> {
        self.in_any(&[own, all])?;
        Ok(match self {
            Self::Person { identity, .. } if !identity.is(all) => Scope::Own(identity.subject),
            Self::Anyone | Self::Person { .. } | Self::Service => Scope::All,
        })
    }
}

/// Among the arguments of a handler: only other services may ask this.
#[derive(Debug, Clone, Copy)]
pub struct OnlyServices;

/// Among the arguments of a handler: only those who operate the fleet may ask this.
#[derive(Debug, Clone, Copy)]
pub struct OnlyOperators;

impl<S: Send + Sync> FromRequestParts<S> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.extensions))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OnlyServices {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        match Asker::from_request_parts(parts, state).await {
            Ok(Asker::Anyone | Asker::Service) => Ok(Self),
            Ok(Asker::Person { .. }) => Err(Problem::forbidden("this is for other services")),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OnlyOperators {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        match Asker::from_request_parts(parts, state).await {
            Ok(Asker::Anyone) => Ok(Self),
            Ok(Asker::Person { identity, operator_role }) if identity.is(&operator_role) => Ok(Self),
            Ok(Asker::Person { .. } | Asker::Service) => {
                Err(Problem::forbidden("this is for those who operate the fleet"))
            }
        }
    }
}

/// Lets nobody in who has no pass, and tells handlers whose it is.
pub(crate) async fn admit(
    State((keeper, clock)): State<(Arc<Doorkeeper>, Arc<dyn Clock>)>,
    mut request: Request,
    next: Next,
) -> Response {
    let pass = request.headers().get(PASS_HEADER).and_then(|pass| pass.to_str().ok());
    match pass.ok_or_else(Problem::unauthorized).and_then(|pass| keeper.read(pass, &*clock)) {
        Ok(asker) => {
            request.extensions_mut().insert(asker);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ambient::{Ids, ManualClock, Timestamp};
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use hyper::StatusCode;
    use identity::{KeyPair, Signer};
    use tower::ServiceExt;

    use super::*;
    use crate::{Config, Host};

    /// A key in two files, named by what it is for.
    fn keys(name: &str) -> (PathBuf, Signer) {
        let pair = KeyPair::generate().unwrap();
        let file = std::env::temp_dir().join(format!("flotilla-chassis-{}-{name}.pem", std::process::id()));
        std::fs::write(&file, pair.public).unwrap();
        let purpose = if name.contains("caller") { SERVICES } else { PERSONS };
        (file, Signer::new(&pair.private, purpose).unwrap())
    }

    fn identity(subject: &str, roles: &[&str]) -> Identity {
        Identity { subject: subject.to_owned(), roles: roles.iter().map(|role| (*role).to_owned()).collect() }
    }

    /// A service whose paths tell who may ask what.
    fn service(trust: &Trust, clock: Arc<ManualClock>) -> Router {
        let scope = async |asker: Asker| asker.scope("reader", "boss").map(|scope| format!("{scope:?}"));
        let routes = Router::new()
            .route("/things", get(scope))
            .route("/own", get(async |asker: Asker| asker.in_role("reader").map(|who| format!("{who:?}"))))
            .route("/inside", get(async |_: OnlyServices| "inside"))
            .route("/operation", get(async |_: OnlyOperators| "operation"));
        let config = Config { trust: trust.clone(), ..Config::default() };
        let ids = Arc::new(Ids::seeded(clock.clone(), 1));
        crate::router(routes, &Host::new(clock, ids).trusting(&config).unwrap(), &config)
    }

    async fn ask(service: &Router, path: &str, pass: Option<&str>) -> (u16, String) {
        let mut request = Request::builder().uri(path);
        if let Some(pass) = pass {
            request = request.header(PASS_HEADER, pass);
        }
        let answer = service.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_service_that_trusts_a_gateway_lets_nobody_in_without_its_pass() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_800_000_000_000_000)));
        let ((gateway, signer), (callers, caller), (_, stranger)) = (keys("gate"), keys("caller"), keys("stranger"));
        let trust = Trust {
            pass_key_file: Some(gateway),
            caller_key_file: Some(callers),
            operator_role: "boss".to_owned(),
            require_identity: true,
        };
        let service = service(&trust, clock.clone());
        let pass = |signer: &Signer, who: &Identity| signer.pass(who, clock.now()).unwrap();
        let reader = pass(&signer, &identity("kim", &["reader"]));
        let boss = pass(&signer, &identity("lee", &["boss", "reader"]));
        let other = pass(&signer, &identity("sam", &["other"]));
        let inside = pass(&caller, &identity("crane", &["boss", "reader"]));
        let forged = pass(&stranger, &identity("kim", &["boss"]));
        for (who, pass, things, own, within, operation) in [
            ("nobody", None, 401, 401, 401, 401),
            ("a forger", Some(forged.as_str()), 401, 401, 401, 401),
            ("a name", Some("kim"), 401, 401, 401, 401),
            ("a reader", Some(reader.as_str()), 200, 200, 403, 403),
            ("the boss", Some(boss.as_str()), 200, 200, 403, 200),
            ("another", Some(other.as_str()), 403, 403, 403, 403),
            ("a service", Some(inside.as_str()), 403, 403, 200, 403),
        ] {
            for (path, expected) in [("/things", things), ("/own", own), ("/inside", within), ("/operation", operation)]
            {
                assert_eq!(ask(&service, path, pass).await.0, expected, "{who} asks for {path}");
            }
            assert_eq!(ask(&service, "/livez", pass).await.0, 200, "health is asked by whoever watches");
        }
        assert_eq!(ask(&service, "/things", Some(&reader)).await.1, r#"Own("kim")"#);
        assert_eq!(ask(&service, "/things", Some(&boss)).await.1, "All");
        clock.advance(Duration::from_mins(2));
        assert_eq!(ask(&service, "/things", Some(&reader)).await.0, 401, "a pass of two minutes ago");
    }

    #[tokio::test]
    async fn an_open_service_lets_everyone_do_everything_unless_that_is_forbidden() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(0)));
        let open = service(&Trust::default(), clock);
        for path in ["/things", "/own", "/inside", "/operation"] {
            assert_eq!(ask(&open, path, None).await.0, StatusCode::OK, "{path}");
        }
        let forbidden = Trust { require_identity: true, ..Trust::default() };
        assert!(matches!(Doorkeeper::new(&forbidden), Err(TrustError::Open)));
    }
}
