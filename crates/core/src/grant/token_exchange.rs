//! Token exchange (RFC 8693): an API that was shown a token gets one for the next API.
//!
//! Delegation, never impersonation: the new token says in `act` which API holds it for the subject, and
//! by whom that one was asked. What it may do only shrinks: its scope is within the shown token's and
//! within what the API is registered for, it ends no later, its resources are those the operator allows
//! this API, and it stands and falls with the same grant. The shown token's key is not asked for: the
//! API could never have it; it shows itself to be the token's audience instead.

use twinpath_wire::oauth::{Actor, ErrorCode, TOKEN_TYPE_ACCESS_TOKEN, TOKEN_TYPE_JWT};

use crate::authorization::Parameters;
use crate::grant::{ParameterError, Resources, Scope};
use crate::records::{App, AuthMethod};
use crate::token::AccessClaims;

/// How many APIs may stand one behind the other.
const MAX_ACTORS: usize = 4;

/// A checked request.
#[derive(Clone, PartialEq, Eq)]
pub struct ExchangeRequest {
    subject_token: String,
    resources: Resources,
    scope: Option<String>,
}

impl std::fmt::Debug for ExchangeRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { resources, scope, .. } = self;
        write!(f, "ExchangeRequest {{ {resources:?}, {scope:?} }}")
    }
}

/// What is delegated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delegated {
    /// What it is good for.
    pub scope: Scope,
    /// Where.
    pub resources: Resources,
    /// By whom.
    pub act: Actor,
}

fn refuse<T>(code: ErrorCode, why: &str) -> Result<T, ParameterError> {
    Err(ParameterError::new(code, why))
}

fn invalid<T>(why: &str) -> Result<T, ParameterError> {
    refuse(ErrorCode::InvalidRequest, why)
}

impl ExchangeRequest {
    /// Checks all that can be refused without looking at the token. `known` tells whether there is an
    /// API behind a resource.
    pub fn check(
        parameters: &dyn Parameters,
        app: &App,
        known: &dyn Fn(&str) -> bool,
    ) -> Result<Self, ParameterError> {
        if app.auth_method == AuthMethod::None || app.serves.is_empty() {
            let why = "token exchange is for APIs: apps that authenticate and serve a resource";
            return refuse(ErrorCode::UnauthorizedClient, why);
        }
        let Some(token) = parameters.get("subject_token") else {
            return invalid("subject_token is missing");
        };
        types(parameters, token)?;
        Ok(Self {
            subject_token: token.to_owned(),
            resources: targets(parameters, app, known)?,
            scope: parameters.get("scope").map(str::to_owned),
        })
    }

    /// The token that the API was shown.
    pub fn subject_token(&self) -> &str {
        &self.subject_token
    }

    /// What is delegated of a token with these claims, which must be verified.
    pub fn delegate(&self, claims: &AccessClaims, app: &App) -> Result<Delegated, ParameterError> {
        if !app.serves.iter().any(|resource| claims.is_for(resource)) {
            // As for a token that is no more: whose it is does not concern the API.
            return Err(unusable());
        }
        let act = Actor { sub: app.client_id.to_string(), act: claims.act.clone().map(Box::new) };
        if act.chain().count() > MAX_ACTORS {
            return invalid("the subject_token was exchanged too often");
        }
        let mut allowed = Scope::parse(&claims.scope)?.tokens().to_vec();
        allowed.retain(|token| app.scope.contains(token));
        let scope = Scope::impersonal(self.scope.as_deref(), &allowed)?;
        Ok(Delegated { scope, resources: self.resources.clone(), act })
    }
}

/// RFC 8693 2.2.2: a subject token that does not count is an invalid request.
pub fn unusable() -> ParameterError {
    let why = "the subject_token is no access token, over, revoked, or not addressed to this API";
    ParameterError::new(ErrorCode::InvalidRequest, why)
}

/// RFC 8693 2.1: what comes and what is asked for.
fn types(parameters: &dyn Parameters, token: &str) -> Result<(), ParameterError> {
    match parameters.get("subject_token_type") {
        Some(TOKEN_TYPE_ACCESS_TOKEN) => {}
        // An opaque token has no dots.
        Some(TOKEN_TYPE_JWT) if token.contains('.') => {}
        Some(TOKEN_TYPE_JWT) => return invalid("the subject_token is no JWT"),
        Some(_) => return invalid("subject_token_type must be an access token's"),
        None => return invalid("subject_token_type is missing"),
    }
    if parameters.get("actor_token").is_some() || parameters.get("actor_token_type").is_some() {
        return invalid("actor_token is not taken: the API that authenticates is the actor");
    }
    match parameters.get("requested_token_type") {
        None | Some(TOKEN_TYPE_ACCESS_TOKEN) => Ok(()),
        Some(_) => invalid("requested_token_type must be an access token's"),
    }
}

/// Which APIs the token is to be for: `resource` or `audience`, both name the resource.
fn targets(
    parameters: &dyn Parameters,
    app: &App,
    known: &dyn Fn(&str) -> bool,
) -> Result<Resources, ParameterError> {
    let mut asked = parameters.all("resource");
    asked.extend(parameters.all("audience"));
    if asked.is_empty() {
        return invalid("resource is missing: which API is the token to be for?");
    }
    let resources = Resources::within(&asked, &[])?;
    if !resources.0.iter().all(|uri| app.may_exchange_for.contains(uri) && known(uri)) {
        let why = "this API may not exchange tokens for that resource";
        return refuse(ErrorCode::InvalidTarget, why);
    }
    Ok(resources)
}

#[cfg(test)]
mod tests;
