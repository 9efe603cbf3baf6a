//! The client credentials grant (RFC 6749 4.4): an app acts for itself. No person stands behind the
//! token, so it carries no scope by which one would tell of themselves, and no refresh token goes with
//! it: the app's credentials are always at hand (4.4.3).

use twinpath_wire::oauth::ErrorCode;

use crate::grant::{ParameterError, Resources, Scope};
use crate::records::{App, AuthMethod};

/// What an app may do for itself: what it asked for, or all of its registered scope that is for APIs.
/// `known` are the resources tokens may be for; empty allows any.
pub fn own_authorization(
    app: &App,
    scope: Option<&str>,
    resources: &[String],
    known: &[String],
) -> Result<(Scope, Resources), ParameterError> {
    if app.auth_method == AuthMethod::None {
        let why = "client_credentials is for apps that authenticate";
        return Err(ParameterError::new(ErrorCode::UnauthorizedClient, why));
    }
    Ok((Scope::impersonal(scope, &app.scope)?, Resources::within(resources, known)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::app;

    const API: &str = "https://api.example.com";

    fn backend(scope: &[&str]) -> App {
        let scope = scope.iter().map(|&token| token.to_owned()).collect();
        App { scope, ..app("backend", AuthMethod::PrivateKeyJwt) }
    }

    /// The scope and resources, or the error.
    fn ask(app: &App, scope: Option<&str>, resources: &[&str]) -> Result<String, ErrorCode> {
        let resources: Vec<_> = resources.iter().map(|&uri| uri.to_owned()).collect();
        let known = [API.to_owned()];
        own_authorization(app, scope, &resources, &known)
            .map(|(scope, resources)| format!("{} {}", scope.join(), resources.0.join(" ")))
            .map_err(|error| error.code)
    }

    #[test]
    fn an_app_gets_what_it_asks_for_of_its_own_scope() {
        let app = backend(&["openid", "phone", "read", "write", "offline_access"]);
        assert_eq!(ask(&app, Some("write"), &[API]).unwrap(), format!("write {API}"));
        assert_eq!(ask(&app, None, &[]).unwrap(), "read write ");
        assert_eq!(ask(&app, Some(" "), &[]).unwrap(), "read write ");
    }

    #[test]
    fn nothing_of_a_person_is_granted() {
        let app = backend(&["openid", "phone", "offline_access", "read"]);
        for scope in ["openid", "phone", "offline_access", "read openid", "other", "read\""] {
            assert_eq!(ask(&app, Some(scope), &[]), Err(ErrorCode::InvalidScope), "{scope}");
        }
        let personal = backend(&["openid", "phone"]);
        assert_eq!(ask(&personal, None, &[]), Err(ErrorCode::InvalidScope));
        assert_eq!(ask(&backend(&[]), None, &[]), Err(ErrorCode::InvalidScope));
    }

    #[test]
    fn only_known_resources_are_named() {
        let app = backend(&["read"]);
        for bad in ["https://other.example.com", "api", "https://api.example.com#x"] {
            assert_eq!(ask(&app, None, &[bad]), Err(ErrorCode::InvalidTarget), "{bad}");
        }
    }

    #[test]
    fn an_app_that_does_not_authenticate_is_no_client_of_this_grant() {
        let public = App { auth_method: AuthMethod::None, ..backend(&["read"]) };
        assert_eq!(ask(&public, Some("read"), &[]), Err(ErrorCode::UnauthorizedClient));
    }
}
