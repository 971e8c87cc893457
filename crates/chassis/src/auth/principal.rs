//! The caller of a request, its roles, and the rows that it may see.

use std::convert::Infallible;
use std::sync::Arc;

use ambient::Subject;
use axum::extract::FromRequestParts;
use hyper::http::Extensions;
use hyper::http::request::Parts;
use identity::Identity;

use crate::http::number::{self, MAX_EXACT};
use crate::http::problem::Problem;

/// The caller of a request.
#[derive(Debug, Clone)]
pub enum Principal {
    /// Authentication is disabled: every caller may do anything.
    Unauthenticated,
    /// A user that the gateway has authenticated.
    User {
        /// Subject and roles.
        identity: Identity,
        /// See [`AuthSettings::operator_role`](crate::AuthSettings::operator_role).
        operator_role: Arc<str>,
    },
    /// Another service of the fleet, on its own behalf.
    Service,
}

/// The rows that a caller may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All rows.
    All,
    /// The rows of this subject.
    Own(String),
    /// The rows of this tenant.
    Tenant(i64),
}

/// The roles that see rows of several tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenancy {
    /// Sees the rows that it owns.
    pub own: &'static str,
    /// Sees the rows of its tenant.
    pub member: &'static str,
    /// The claim with the tenant of a member: a positive whole number.
    pub claim: &'static str,
    /// Sees all rows.
    pub all: &'static str,
}

impl Scope {
    /// The rows of this subject. `None`: authentication is disabled, and every caller sees all rows.
    pub fn of(subject: Option<&str>) -> Self {
        subject.map_or(Self::All, |subject| Self::Own(subject.to_owned()))
    }

    /// Whether a row of this owner and this tenant is visible. `None`: the row has none.
    pub fn includes(&self, owner: Option<&str>, tenant: Option<i64>) -> bool {
        match self {
            Self::All => true,
            Self::Own(subject) => owner == Some(subject),
            Self::Tenant(of) => tenant == Some(*of),
        }
    }
}

impl Principal {
    /// The caller in the extensions of a request.
    ///
    /// Outside [`router`](crate::router), as in unit tests of routes, callers are not authenticated.
    pub fn of(request: &Extensions) -> Self {
        request.get().cloned().unwrap_or(Self::Unauthenticated)
    }

    /// The subject of a caller in this role. `None` if authentication is disabled. 403 without the role.
    pub fn require_role(self, role: &str) -> Result<Option<String>, Problem> {
        self.require_any_role(&[role])?;
        Ok(match self {
            Self::User { identity, .. } => Some(identity.subject),
            Self::Unauthenticated | Self::Service => None,
        })
    }

    /// Like [`Principal::require_role`]. 403 also if the name of the subject is invalid.
    pub fn require_subject(self, role: &str) -> Result<Option<Subject>, Problem> {
        let subject = self.require_role(role)?.map(Subject::new).transpose();
        subject.map_err(|rule| Problem::forbidden(format!("the name of a {role} {rule}")))
    }

    /// Rejects callers without any of these roles: 403.
    pub fn require_any_role(&self, roles: &[&str]) -> Result<(), Problem> {
        match self {
            Self::Unauthenticated => Ok(()),
            Self::User { identity, .. } if roles.iter().any(|role| identity.is(role)) => Ok(()),
            Self::User { .. } | Self::Service => {
                Err(Problem::forbidden(format!("requires the role {}", roles.join(" or "))))
            }
        }
    }

    /// The rows visible to the caller: its own in the role `own`, all in the role `all`. 403 without either role.
    pub fn scope(self, own: &str, all: &str) -> Result<Scope, Problem> {
        self.require_any_role(&[own, all])?;
        Ok(match self {
            Self::User { identity, .. } if !identity.is(all) => Scope::Own(identity.subject),
            Self::Unauthenticated | Self::User { .. } | Self::Service => Scope::All,
        })
    }

    /// The rows visible to the caller: the widest of what its roles see. 403 without any of the roles, and for a member
    /// whose token names no tenant.
    pub fn tenant_scope(self, Tenancy { own, member, claim, all }: Tenancy) -> Result<Scope, Problem> {
        self.require_any_role(&[own, member, all])?;
        match self {
            Self::User { identity, .. } if !identity.is(all) && identity.is(member) => {
                let tenant = identity.claims.get(claim).and_then(|tenant| number::parse_digits(tenant));
                let tenant = tenant.filter(|tenant| (1..=MAX_EXACT).contains(tenant));
                let rule = || {
                    Problem::forbidden(format!("the token of a {member} needs the claim {claim}: a positive number"))
                };
                tenant.map(Scope::Tenant).ok_or_else(rule)
            }
            caller => caller.scope(own, all),
        }
    }
}

/// Extractor that admits other services only.
#[derive(Debug, Clone, Copy)]
pub struct RequireService;

/// Extractor that admits operators of the fleet only.
#[derive(Debug, Clone, Copy)]
pub struct RequireOperator;

impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.extensions))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequireService {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        match Principal::from_request_parts(parts, state).await {
            Ok(Principal::Unauthenticated | Principal::Service) => Ok(Self),
            Ok(Principal::User { .. }) => Err(Problem::forbidden("for other services only")),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequireOperator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        match Principal::from_request_parts(parts, state).await {
            Ok(Principal::Unauthenticated) => Ok(Self),
            Ok(Principal::User { identity, operator_role }) if identity.is(&operator_role) => Ok(Self),
            Ok(Principal::User { .. } | Principal::Service) => Err(Problem::forbidden("requires the operator role")),
        }
    }
}
