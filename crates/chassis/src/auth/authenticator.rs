//! Authentication of requests by internal tokens (passes).
//!
//! The gateway signs the pass and strips any pass that the client sent. A client that bypasses the gateway has no valid
//! pass.

use std::sync::Arc;

use ambient::Clock;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use identity::{INTERNAL_TOKEN_HEADER, SERVICES, TokenVerifier, USERS};

use crate::auth::principal::Principal;
use crate::auth::trust::{AuthSettings, AuthSettingsError};
use crate::http::problem::Problem;

/// Verifies the pass of a request.
#[derive(Debug)]
pub(crate) struct Authenticator {
    users: TokenVerifier,
    services: Option<TokenVerifier>,
    operator_role: Arc<str>,
}

impl Authenticator {
    /// `None` if the settings disable authentication.
    pub(crate) fn new(trust: &AuthSettings) -> Result<Option<Self>, AuthSettingsError> {
        let Some(users) = &trust.internal_token_public_key_file else {
            return if trust.require_identity { Err(AuthSettingsError::Disabled) } else { Ok(None) };
        };
        let users = AuthSettingsError::read(users, |text| TokenVerifier::new(text, USERS))?;
        let services = trust.service_public_key_file.as_deref();
        let services = services
            .map(|path| AuthSettingsError::read(path, |text| TokenVerifier::new(text, SERVICES)))
            .transpose()?;
        Ok(Some(Self { users, services, operator_role: trust.operator_role.as_str().into() }))
    }

    fn verify(&self, pass: &str, clock: &dyn Clock) -> Result<Principal, Problem> {
        let now = clock.now();
        let as_service = || self.services.as_ref().and_then(|services| services.read(pass, now).ok());
        match self.users.read(pass, now) {
            Ok(identity) => Ok(Principal::User { identity, operator_role: Arc::clone(&self.operator_role) }),
            Err(refusal) => as_service().map(|_| Principal::Service).ok_or_else(|| {
                // The client bypassed the gateway, or the clocks differ.
                tracing::warn!(%refusal, "a pass was rejected");
                Problem::unauthorized()
            }),
        }
    }
}

/// Rejects requests without a valid pass, and stores the caller in the extensions of the others.
pub(crate) async fn authenticate(
    State((authenticator, clock)): State<(Arc<Authenticator>, Arc<dyn Clock>)>,
    mut request: Request,
    next: Next,
) -> Response {
    let pass = request.headers().get(INTERNAL_TOKEN_HEADER).and_then(|pass| pass.to_str().ok());
    match pass.ok_or_else(Problem::unauthorized).and_then(|pass| authenticator.verify(pass, &*clock)) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use ambient::{Ids, ManualClock, Timestamp};
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use hyper::StatusCode;
    use identity::{Identity, KeyPair, TokenSigner};
    use tower::ServiceExt;

    use super::*;
    use crate::auth::principal::{RequireOperator, RequireService, Tenancy};
    use crate::http::router::router;
    use crate::process::config::Config;
    use crate::process::host::Host;

    /// A key pair: the file of its public key, and a signer with its private key.
    fn keys(name: &str) -> (PathBuf, TokenSigner) {
        let pair = KeyPair::generate().unwrap();
        let file = std::env::temp_dir().join(format!("flotilla-chassis-{}-{name}.pem", std::process::id()));
        std::fs::write(&file, pair.public).unwrap();
        let purpose = if name.contains("caller") { SERVICES } else { USERS };
        (file, TokenSigner::new(&pair.private, purpose).unwrap())
    }

    fn identity(subject: &str, roles: &[&str]) -> Identity {
        Identity::new(subject, roles.iter().copied())
    }

    const TENANCY: Tenancy = Tenancy { own: "reader", member: "desk", claim: "deskId", all: "boss" };

    /// A service with one route per kind of authorization.
    fn service(trust: &AuthSettings, clock: Arc<ManualClock>) -> Router {
        let scope = async |caller: Principal| caller.scope("reader", "boss").map(|scope| format!("{scope:?}"));
        let routes = Router::new()
            .route("/things", get(scope))
            .route(
                "/tenant",
                get(async |caller: Principal| caller.tenant_scope(TENANCY).map(|scope| format!("{scope:?}"))),
            )
            .route("/own", get(async |caller: Principal| caller.require_role("reader").map(|who| format!("{who:?}"))))
            .route("/inside", get(async |_: RequireService| "inside"))
            .route("/operation", get(async |_: RequireOperator| "operation"));
        let config = Config { trust: trust.clone(), ..Config::default() };
        let ids = Arc::new(Ids::seeded(clock.clone(), 1));
        router(routes, &Host::new(clock, ids).with_authentication(&config).unwrap(), &config)
    }

    async fn send(service: &Router, path: &str, pass: Option<&str>) -> (u16, String) {
        let mut request = Request::builder().uri(path);
        if let Some(pass) = pass {
            request = request.header(INTERNAL_TOKEN_HEADER, pass);
        }
        let answer = service.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_service_with_a_gateway_key_rejects_requests_without_a_valid_pass() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_800_000_000_000_000)));
        let ((gateway, signer), (callers, caller), (_, stranger)) = (keys("gate"), keys("caller"), keys("stranger"));
        let trust = AuthSettings {
            internal_token_public_key_file: Some(gateway),
            service_public_key_file: Some(callers),
            operator_role: "boss".to_owned(),
            require_identity: true,
        };
        let service = service(&trust, clock.clone());
        let pass = |signer: &TokenSigner, who: &Identity| signer.pass(who, clock.now()).unwrap();
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
                assert_eq!(send(&service, path, pass).await.0, expected, "{who} requests {path}");
            }
            assert_eq!(send(&service, "/livez", pass).await.0, 200, "health needs no authentication");
        }
        assert_eq!(send(&service, "/things", Some(&reader)).await.1, r#"Own("kim")"#);
        assert_eq!(send(&service, "/things", Some(&boss)).await.1, "All");
        clock.advance(Duration::from_mins(2));
        assert_eq!(send(&service, "/things", Some(&reader)).await.0, 401, "a pass of two minutes ago");
    }

    #[tokio::test]
    async fn a_member_sees_the_rows_of_the_tenant_that_its_token_names() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_800_000_000_000_000)));
        let (gateway, signer) = keys("tenants");
        let trust = AuthSettings { internal_token_public_key_file: Some(gateway), ..AuthSettings::default() };
        let service = service(&trust, clock.clone());
        let desk = |roles: &[&str], claim: &str| identity("kim", roles).with_claim("deskId", claim);
        for (who, status, seen) in [
            (desk(&["desk"], "7"), 200, "Tenant(7)"),
            (desk(&["desk", "reader"], "7"), 200, "Tenant(7)"),
            (desk(&["reader"], "7"), 200, "Own(\"kim\")"),
            (desk(&["desk", "boss"], "7"), 200, "All"),
            (identity("kim", &["desk"]), 403, "deskId"),
            (desk(&["desk"], "0"), 403, "deskId"),
            (desk(&["desk"], "7x"), 403, "deskId"),
            (desk(&["other"], "7"), 403, "reader or desk or boss"),
        ] {
            let pass = signer.pass(&who, clock.now()).unwrap();
            let (replied, body) = send(&service, "/tenant", Some(&pass)).await;
            assert!(replied == status && body.contains(seen), "{who:?}: {replied} {body}");
        }
    }

    #[tokio::test]
    async fn authentication_can_be_disabled_unless_the_settings_require_it() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(0)));
        let open = service(&AuthSettings::default(), clock);
        for path in ["/things", "/own", "/inside", "/operation"] {
            assert_eq!(send(&open, path, None).await.0, StatusCode::OK, "{path}");
        }
        let forbidden = AuthSettings { require_identity: true, ..AuthSettings::default() };
        assert!(matches!(Authenticator::new(&forbidden), Err(AuthSettingsError::Disabled)));
    }
}
