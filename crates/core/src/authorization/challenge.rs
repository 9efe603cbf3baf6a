//! The authorization challenge of the operator's own apps (draft-ietf-oauth-first-party-apps-04): an
//! authorization request without a browser. Its row, and what happens to it, are those of one with a
//! browser; what stands for the browser's cookie is `auth_session` with the app's key.

use twinpath_wire::oauth::ErrorCode;

use crate::authorization::InteractionId;
use crate::authorization::request::{Parameters, Rules, asked};
use crate::grant::ParameterError;
use crate::ids::{ClientId, Digest};
use crate::records::{App, AuthorizationRequest, GrantType, Prompt};
use crate::transaction::Random;
use crate::vault::Vault;

/// `auth_session`: names the request on its way. Good for nothing without the app's authentication and,
/// if it has one, its key (section 5.3.1 of the draft).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AuthSession(pub InteractionId);

impl AuthSession {
    /// A fresh one.
    pub fn new(random: &mut dyn Random) -> Self {
        Self(InteractionId::new(random))
    }

    /// Reads what [`Self::text`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        InteractionId::parse(text).map(Self)
    }

    /// As it goes to the app.
    pub fn text(&self) -> String {
        self.0.text()
    }

    /// What the row keeps in the place of a browser: the app and its proven key. `jkt` is empty for an
    /// app without one.
    pub fn holder(&self, vault: &Vault, app: &ClientId, jkt: &str) -> Digest {
        let (name, text) = (app.as_str(), self.text());
        // Neither holds a line break.
        vault.identifier("auth_session", &format!("{name}\n{jkt}"), &text)
    }
}

/// Checks an authorization challenge request but for who sends it.
pub fn check_challenge(
    parameters: &dyn Parameters,
    app: &App,
    rules: &Rules<'_>,
) -> Result<AuthorizationRequest, ParameterError> {
    let refuse = |code, why: &str| Err(ParameterError { code, description: why.to_owned() });
    first_party(app)?;
    if parameters.get("redirect_uri").is_some() {
        return refuse(ErrorCode::InvalidRequest, "there is no redirect here: no redirect_uri");
    }
    if parameters.get("request").is_some() || parameters.get("request_uri").is_some() {
        return refuse(ErrorCode::RequestNotSupported, "send the parameters themselves");
    }
    let request = asked(parameters, app, rules)?;
    if request.prompt.contains(&Prompt::None) {
        return refuse(ErrorCode::LoginRequired, "prompt=none: there is no session here");
    }
    Ok(request)
}

/// Third parties' apps have the browser: a person who is to trust the page must see whose it is.
fn first_party(app: &App) -> Result<(), ParameterError> {
    let why = if !app.first_party {
        "this endpoint is for the operator's own apps"
    } else if !app.grant_types.contains(&GrantType::AuthorizationCode) {
        "this app is not registered for grant type authorization_code"
    } else {
        return Ok(());
    };
    Err(ParameterError { code: ErrorCode::UnauthorizedClient, description: why.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorization::fixtures::{CHALLENGE, Form, rules};
    use crate::fixtures::{Seeded, app, client, vault};
    use crate::records::AuthMethod;

    fn own() -> App {
        let grant_types = vec![GrantType::AuthorizationCode];
        App { first_party: true, grant_types, ..app("own", AuthMethod::None) }
    }

    fn check(app: &App, more: &[(&'static str, &str)]) -> Result<AuthorizationRequest, ErrorCode> {
        let mut form = vec![("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
        form.retain(|(name, _)| !more.iter().any(|(changed, _)| changed == name));
        form.extend(more.iter().filter(|(_, value)| !value.is_empty()));
        let vault = vault();
        check_challenge(&Form::of(&form), app, &rules(&vault)).map_err(|error| error.code)
    }

    #[test]
    fn only_for_the_operators_own_apps() {
        for other in [
            App { first_party: false, ..own() },
            App { grant_types: GrantType::of_native_apps(), ..own() },
        ] {
            assert_eq!(check(&other, &[]), Err(ErrorCode::UnauthorizedClient));
        }
    }

    #[test]
    fn no_browser_no_downgrade() {
        for (more, error) in [
            (&[("redirect_uri", "https://a.example")][..], ErrorCode::InvalidRequest),
            (&[("code_challenge", "")], ErrorCode::InvalidRequest),
            (&[("code_challenge_method", "plain")], ErrorCode::InvalidRequest),
            (&[("request", "a.b.c")], ErrorCode::RequestNotSupported),
            (&[("request_uri", "urn:x")], ErrorCode::RequestNotSupported),
            (&[("prompt", "none")], ErrorCode::LoginRequired),
            (&[("scope", "admin")], ErrorCode::InvalidScope),
        ] {
            assert_eq!(check(&own(), more), Err(error), "{more:?}");
        }
        let request = check(&own(), &[("scope", "openid")]).unwrap();
        assert_eq!((request.redirect_uri, request.scope.as_str()), (None, "openid"));
    }

    #[test]
    fn an_installation_may_be_known() {
        let policy = crate::outbound::ConfirmPolicy {
            all: crate::outbound::Confirm::NewDevice,
            ..Default::default()
        };
        let form = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
        let vault = vault();
        let rules = Rules { confirm: &policy, confirmable: true, ..rules(&vault) };
        let request = check_challenge(&Form::of(&form), &own(), &rules).unwrap();
        assert_eq!(request.confirm, policy.all);
    }

    #[test]
    fn an_auth_session_is_held_by_one_app_with_one_key() {
        let session = AuthSession::new(&mut Seeded(1));
        assert_eq!(AuthSession::parse(&session.text()), Some(session));
        for bad in ["", "x", &session.text()[1..]] {
            assert_eq!(AuthSession::parse(bad), None);
        }
        let vault = vault();
        let holder = |session: AuthSession, app, jkt| session.holder(&vault, &client(app), jkt);
        let own = holder(session, "own", "k");
        assert_eq!(own, holder(session, "own", "k"));
        for other in [
            holder(session, "own", "other"),
            holder(session, "own", ""),
            holder(session, "other", "k"),
            holder(AuthSession::new(&mut Seeded(2)), "own", "k"),
        ] {
            assert_ne!(own, other);
        }
    }
}
