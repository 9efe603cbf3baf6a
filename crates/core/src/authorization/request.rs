//! Checking an authorization request (RFC 6749 4.1.1, RFC 7636, OIDC Core 3.1.2.1), and by which channel
//! a refusal goes: never to a redirect URI that is not the app's.

use twinpath_wire::b64;
use twinpath_wire::oauth::{ACR_TERMINAL, ACR_TERMINAL_CONFIRMED, ErrorCode};

use crate::app::Registered;
use crate::authorization::redirect_uri_of;
use crate::grant::{DetailTypes, ParameterError, Resources, Scope};
use crate::number::E164;
use crate::outbound::{Confirm, ConfirmPolicy};
use crate::records::{App, AuthorizationRequest, ClaimsRequest, GrantType, Prompt};
use crate::token::{IdClaims, KeyRing, PHONE, wants_phone};
use crate::vault::Vault;

/// A request's parameters. Empty ones count as absent (RFC 6749 3.1).
pub trait Parameters {
    /// One that stands once.
    fn get(&self, name: &str) -> Option<&str>;
    /// All values of one that may stand more than once.
    fn all(&self, name: &str) -> Vec<String>;
}

/// What a request is held against.
#[derive(Clone, Debug)]
pub struct Rules<'a> {
    /// The resources tokens may be for; empty allows any.
    pub resources: &'a [String],
    /// RFC 9396.
    pub details: &'a DetailTypes,
    /// For the hash of a number.
    pub vault: &'a Vault,
    /// For `id_token_hint`.
    pub keys: KeyRing,
    /// Which scopes must be confirmed (PROTOCOL 6).
    pub confirm: &'a ConfirmPolicy,
    /// Whether texts go to phones, so that anything can be confirmed.
    pub confirmable: bool,
}

/// A refused authorization request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rejection {
    /// Told to the person: there is no place to redirect to.
    Page(ErrorCode, String),
    /// Told to the app, at its redirect URI.
    Redirect {
        /// The app's.
        redirect_uri: String,
        /// The request's.
        state: Option<String>,
        /// RFC 6749 4.1.2.1.
        code: ErrorCode,
        /// For the developer.
        description: String,
    },
}

impl Rejection {
    /// The error, whatever its channel.
    pub fn error(self) -> ParameterError {
        let (code, description) = match self {
            Self::Page(code, description) | Self::Redirect { code, description, .. } => {
                (code, description)
            }
        };
        ParameterError { code, description }
    }
}

const MAX_STATE: usize = 2048;
const MAX_NONCE: usize = 512;
const MAX_CLAIMS: usize = 4096;
const MAX_LOCALES: usize = 256;

/// Checks everything that can be refused without a person.
pub fn check_request(
    parameters: &dyn Parameters,
    registered: &Registered,
    rules: &Rules<'_>,
) -> Result<AuthorizationRequest, Rejection> {
    let app = &registered.app;
    let redirect_uri = redirect_uri(parameters, app)?;
    let state = parameters.get("state").map(str::to_owned);
    checked(parameters, app, rules)
        .map(|request| AuthorizationRequest {
            redirect_uri: Some(redirect_uri.clone()),
            redirect_uri_said: parameters.get("redirect_uri").is_some(),
            state: state.clone(),
            confirm: at_page(request.confirm),
            ..request
        })
        .map_err(|error| Rejection::Redirect {
            redirect_uri,
            // What is too long to be kept is not told back.
            state: state.filter(|state| state.len() <= MAX_STATE),
            code: error.code,
            description: error.description,
        })
}

/// No browser is a known device: a key that the app names would say nothing of whose session begins here.
fn at_page(confirm: Confirm) -> Confirm {
    if confirm == Confirm::Never { Confirm::Never } else { Confirm::Always }
}

fn redirect_uri(parameters: &dyn Parameters, app: &App) -> Result<String, Rejection> {
    let page = |why: &str| Rejection::Page(ErrorCode::InvalidRequest, why.to_owned());
    match (parameters.get("redirect_uri"), app.redirect_uris.as_slice()) {
        (Some(asked), registered) => {
            redirect_uri_of(asked, registered).map(str::to_owned).ok_or_else(|| {
                page("redirect_uri is not registered for this app, character by character")
            })
        }
        (None, [only]) => Ok(only.clone()),
        (None, []) => Err(page("this app has no redirect_uri")),
        (None, _) => Err(page("redirect_uri is missing: this app has more than one")),
    }
}

fn invalid<T>(why: impl Into<String>) -> Result<T, ParameterError> {
    Err(ParameterError { code: ErrorCode::InvalidRequest, description: why.into() })
}

fn refuse<T>(code: ErrorCode, why: &str) -> Result<T, ParameterError> {
    Err(ParameterError { code, description: why.to_owned() })
}

fn checked(
    parameters: &dyn Parameters,
    app: &App,
    rules: &Rules<'_>,
) -> Result<AuthorizationRequest, ParameterError> {
    if !app.grant_types.contains(&GrantType::AuthorizationCode) {
        return refuse(
            ErrorCode::UnauthorizedClient,
            "this app is not registered for grant type authorization_code",
        );
    }
    if parameters.get("request").is_some() {
        return refuse(ErrorCode::RequestNotSupported, "push the request instead (RFC 9126)");
    }
    if parameters.get("registration").is_some() {
        return refuse(ErrorCode::RegistrationNotSupported, "register the app first (RFC 7591)");
    }
    response(parameters)?;
    bounded(parameters)?;
    let hinted = hinted(parameters.get("id_token_hint"), app, &rules.keys)?;
    let request = asked(parameters, app, rules)?;
    if request.expected_sub.is_some() && hinted.is_some() && request.expected_sub != hinted {
        return invalid("id_token_hint and claims name two different persons");
    }
    Ok(AuthorizationRequest { expected_sub: request.expected_sub.or(hinted), ..request })
}

/// OIDC Core 3.1.2.1: whose ID token the app shows. It may have expired, but must be ours, and the app's.
fn hinted(hint: Option<&str>, app: &App, keys: &KeyRing) -> Result<Option<String>, ParameterError> {
    let Some(hint) = hint else {
        return Ok(None);
    };
    match keys.verify::<IdClaims>(hint, "JWT") {
        Some(claims) if claims.aud == app.client_id.as_str() => Ok(Some(claims.sub)),
        Some(_) => invalid("id_token_hint is another app's"),
        None => invalid("id_token_hint is not an ID token of this platform"),
    }
}

/// What the answer is to be: a code, in the query.
fn response(parameters: &dyn Parameters) -> Result<(), ParameterError> {
    match parameters.get("response_type") {
        Some("code") => {}
        None => return invalid("response_type is missing"),
        Some(_) => {
            let why = "response_type must be code";
            return refuse(ErrorCode::UnsupportedResponseType, why);
        }
    }
    match parameters.get("response_mode") {
        None | Some("query") => Ok(()),
        Some(_) => invalid("response_mode must be query"),
    }
}

/// What is only carried.
fn bounded(parameters: &dyn Parameters) -> Result<(), ParameterError> {
    for (name, limit) in [("state", MAX_STATE), ("nonce", MAX_NONCE), ("ui_locales", MAX_LOCALES)] {
        if parameters.get(name).is_some_and(|value| value.len() > limit) {
            return invalid(format!("{name} is longer than {limit} bytes"));
        }
    }
    Ok(())
}

/// The parameters that every kind of authorization request with a code shares, with a browser or without.
pub(crate) fn asked(
    parameters: &dyn Parameters,
    app: &App,
    rules: &Rules<'_>,
) -> Result<AuthorizationRequest, ParameterError> {
    let details = match parameters.get("authorization_details") {
        Some(raw) => rules.details.check(raw, app)?,
        None => Vec::new(),
    };
    let claims = claims(parameters.get("claims"))?;
    let asks = match (parameters.get("acr_values"), claims.as_ref()) {
        (values, claims) if rules.confirmable => asks_confirmation(values, claims)?,
        (values, claims) => authentication_context(values, claims).map(|()| false)?,
    };
    let scope = Scope::within(parameters.get("scope"), &app.scope)?;
    let scope = with_claims(scope, claims.as_ref(), app);
    Ok(AuthorizationRequest {
        confirm: if asks { Confirm::Always } else { rules.confirm.of(&scope) },
        scope: scope.join(),
        expected_sub: expected_sub(claims.as_ref())?,
        resources: Resources::within(&parameters.all("resource"), rules.resources)?.0,
        authorization_details: details,
        nonce: parameters.get("nonce").map(str::to_owned),
        code_challenge: code_challenge(parameters)?,
        jkt: thumbprint(parameters.get("dpop_jkt"))?,
        prompt: prompt(parameters.get("prompt"))?,
        max_age: max_age(parameters.get("max_age"))?.or(app.default_max_age),
        login_hint: parameters
            .get("login_hint")
            .map(|hint| terminal(hint, rules.vault))
            .transpose()?
            .flatten(),
        ui_locales: parameters.get("ui_locales").map(str::to_owned),
        claims,
        ..AuthorizationRequest::default()
    })
}

/// RFC 7636 4.3, RFC 9700 2.1.1: always, and S256 only; without a method it would be `plain`.
fn code_challenge(parameters: &dyn Parameters) -> Result<String, ParameterError> {
    let Some(challenge) = parameters.get("code_challenge") else {
        return invalid("code_challenge is missing: every request needs PKCE (RFC 7636)");
    };
    if parameters.get("code_challenge_method") != Some("S256") {
        return invalid("code_challenge_method must be S256");
    }
    let digest = b64::decode(challenge).ok().filter(|digest| digest.len() == 32);
    match digest {
        Some(_) => Ok(challenge.to_owned()),
        None => invalid("code_challenge must be the base64url of a SHA-256: 43 characters"),
    }
}

/// RFC 9449 10.
fn thumbprint(jkt: Option<&str>) -> Result<String, ParameterError> {
    let Some(jkt) = jkt else {
        return Ok(String::new());
    };
    match b64::decode(jkt).ok().filter(|digest| digest.len() == 32) {
        Some(_) => Ok(jkt.to_owned()),
        None => invalid("dpop_jkt must be an RFC 7638 SHA-256 thumbprint: 43 characters"),
    }
}

/// OIDC Core 3.1.2.1: `none` stands alone.
fn prompt(said: Option<&str>) -> Result<Vec<Prompt>, ParameterError> {
    let mut prompts = Vec::new();
    for word in said.unwrap_or_default().split(' ').filter(|word| !word.is_empty()) {
        let prompt = match word {
            "none" => Prompt::None,
            "login" => Prompt::Login,
            "consent" => Prompt::Consent,
            "select_account" => Prompt::SelectAccount,
            _ => return invalid("prompt can be none, login, consent, select_account"),
        };
        if !prompts.contains(&prompt) {
            prompts.push(prompt);
        }
    }
    if prompts.contains(&Prompt::None) && prompts.len() > 1 {
        return invalid("prompt=none cannot go with other prompts");
    }
    Ok(prompts)
}

/// `max_age` (OIDC Core 3.1.2.1, RFC 9470 4), in seconds.
pub fn max_age(said: Option<&str>) -> Result<Option<u32>, ParameterError> {
    let Some(said) = said else {
        return Ok(None);
    };
    // `parse` would take a sign.
    let digits = said.bytes().all(|byte| byte.is_ascii_digit());
    match said.parse() {
        Ok(seconds) if digits => Ok(Some(seconds)),
        _ => invalid("max_age must be a number of seconds"),
    }
}

/// A `tel:` URI names the terminal that must be proven. Any other hint says nothing here.
pub(super) fn terminal(
    hint: &str,
    vault: &Vault,
) -> Result<Option<crate::ids::TerminalKey>, ParameterError> {
    let is_number = hint.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("tel:"));
    if !is_number {
        return Ok(None);
    }
    match E164::parse_tel(hint) {
        Some(number) => Ok(Some(vault.terminal_key(&number))),
        None => invalid("login_hint must be a tel: URI like tel:+447911123456"),
    }
}

/// OIDC Core 5.5.
fn claims(said: Option<&str>) -> Result<Option<ClaimsRequest>, ParameterError> {
    let Some(said) = said else {
        return Ok(None);
    };
    if said.len() > MAX_CLAIMS {
        return invalid(format!("claims is longer than {MAX_CLAIMS} bytes"));
    }
    // Serde would read the members from an array too.
    let object = said.trim_start().starts_with('{');
    match serde_json::from_str(said) {
        Ok(claims) if object => Ok(Some(claims)),
        _ => invalid("claims must be a JSON object with userinfo and id_token"),
    }
}

/// OIDC Core 5.5: to ask for the number as a claim is to ask for scope `phone`, so that the person is told
/// of it. An app that may not have it does not get it: claims that are not given are no error (5.5.1).
fn with_claims(scope: Scope, claims: Option<&ClaimsRequest>, app: &App) -> Scope {
    let asked = claims.is_some_and(|claims| {
        wants_phone(Some(&claims.id_token)) || wants_phone(Some(&claims.userinfo))
    });
    let allowed = app.scope.iter().any(|token| token == PHONE);
    if asked && allowed { scope.and(PHONE) } else { scope }
}

/// OIDC Core 5.5.1: `sub` with a `value` names the one person who may be answered for.
fn expected_sub(claims: Option<&ClaimsRequest>) -> Result<Option<String>, ParameterError> {
    let Some(claims) = claims else {
        return Ok(None);
    };
    let mut expected = None;
    for said in [claims.id_token.get("sub"), claims.userinfo.get("sub")].into_iter().flatten() {
        let Some(value) = said.get("value") else {
            continue;
        };
        let Some(value) = value.as_str() else {
            return invalid("the value of claim sub must be a text");
        };
        if expected.as_deref().is_some_and(|known| known != value) {
            return invalid("claims names two different persons");
        }
        expected = Some(value.to_owned());
    }
    Ok(expected)
}

/// RFC 9470 5 where the terminal can be confirmed: whether the first of `acr_values` that can be met, or of
/// the values of an essential claim `acr`, asks for it.
pub fn asks_confirmation(
    acr_values: Option<&str>,
    claims: Option<&ClaimsRequest>,
) -> Result<bool, ParameterError> {
    first_met(acr_values, claims, &[ACR_TERMINAL, ACR_TERMINAL_CONFIRMED])
}

/// RFC 9470 5: what cannot be met is said, not passed over.
pub fn authentication_context(
    acr_values: Option<&str>,
    claims: Option<&ClaimsRequest>,
) -> Result<(), ParameterError> {
    first_met(acr_values, claims, &[ACR_TERMINAL]).map(|_| ())
}

/// Whether the first of what is asked for that is among `known` is the confirmed terminal.
fn first_met(
    acr_values: Option<&str>,
    claims: Option<&ClaimsRequest>,
    known: &[&str],
) -> Result<bool, ParameterError> {
    let unmet = ParameterError {
        code: ErrorCode::UnmetAuthenticationRequirements,
        description: "none of the acr_values can be met here, see acr_values_supported".to_owned(),
    };
    let first = |mut asked: std::vec::IntoIter<&str>| {
        asked.find(|acr| known.contains(acr)).map(|acr| acr == ACR_TERMINAL_CONFIRMED)
    };
    let wished = match acr_values {
        Some(values) => {
            let values: Vec<_> = values.split(' ').collect();
            first(values.into_iter()).ok_or_else(|| unmet.clone())?
        }
        None => false,
    };
    let essential = claims
        .and_then(|claims| claims.id_token.get("acr"))
        .filter(|acr| acr.get("essential").and_then(serde_json::Value::as_bool).unwrap_or(false));
    let Some(acr) = essential else {
        return Ok(wished);
    };
    let value = acr.get("value");
    let values = acr.get("values").and_then(serde_json::Value::as_array);
    if value.is_none_or(|value| !value.is_string()) && values.is_none() {
        return Ok(wished);
    }
    let asked = value.into_iter().chain(values.into_iter().flatten());
    let asked: Vec<_> = asked.filter_map(serde_json::Value::as_str).collect();
    Ok(first(asked.into_iter()).ok_or(unmet)? || wished)
}

#[cfg(test)]
mod tests;
