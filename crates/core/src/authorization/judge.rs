//! What a session is good for (OIDC Core 3.1.2.3, 3.1.2.4).

use twinpath_wire::oauth::ErrorCode;

use crate::authorization::FoundSession;
use crate::ids::Timestamp;
use crate::outbound::Confirm;
use crate::records::{AuthorizationRequest, Prompt};

/// What a request needs, given the browser's session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// The terminal must be proven.
    Prove,
    /// The session says who it is; the person must agree.
    Consent,
    /// Nothing need be shown.
    Silent,
    /// `prompt=none` cannot be met.
    Refuse(ErrorCode),
}

/// Judges a session, with the `sub` by which the app knows whose it is; `trusted` apps are the operator's
/// own and need no consent.
pub(super) fn judge(
    request: &AuthorizationRequest,
    found: Option<(&FoundSession, &str)>,
    trusted: bool,
    now: Timestamp,
) -> Verdict {
    let silent = request.prompt.contains(&Prompt::None);
    let Some((found, _)) = found.filter(|(found, sub)| serves(request, found, sub, now)) else {
        return if silent { Verdict::Refuse(ErrorCode::LoginRequired) } else { Verdict::Prove };
    };
    let asked_before = trusted || granted_before(request, found);
    match (asked_before && !request.prompt.contains(&Prompt::Consent), silent) {
        (true, _) => Verdict::Silent,
        (false, true) => Verdict::Refuse(ErrorCode::ConsentRequired),
        (false, false) => Verdict::Consent,
    }
}

/// Whether a proof of this time is older than the request allows (OIDC Core 3.1.2.1, `max_age`).
pub(super) fn too_old(request: &AuthorizationRequest, proven: Timestamp, now: Timestamp) -> bool {
    request.max_age.is_some_and(|age| proven.plus_seconds(i64::from(age)) <= now)
}

/// Whether the session is fresh enough, was confirmed if that must be (PROTOCOL 6), and is the expected
/// person's.
fn serves(request: &AuthorizationRequest, found: &FoundSession, sub: &str, now: Timestamp) -> bool {
    let again = [Prompt::Login, Prompt::SelectAccount];
    let fresh = !too_old(request, found.session.auth_time, now);
    let expected = request.login_hint.is_none_or(|hint| hint == found.session.terminal)
        && request.expected_sub.as_ref().is_none_or(|expected| expected == sub);
    let sure = request.confirm == Confirm::Never || found.confirmed;
    fresh && sure && expected && !again.iter().any(|prompt| request.prompt.contains(prompt))
}

/// Whether one grant that stands, and that was consented to at the page, covers all that is asked for.
/// Details are consented to each time: they name single acts (RFC 9396 12).
fn granted_before(request: &AuthorizationRequest, found: &FoundSession) -> bool {
    let scope = || request.scope.split(' ').filter(|token| !token.is_empty());
    request.authorization_details.is_empty()
        && found.granted.iter().any(|grant| {
            let known: Vec<_> = grant.scope.split(' ').collect();
            // Without a resource the token is for the issuer: another thing than any resource.
            let same_kind = request.resources.is_empty() == grant.resources.is_empty();
            grant.session().is_some()
                && scope().all(|token| known.contains(&token))
                && same_kind
                && request.resources.iter().all(|uri| grant.resources.contains(uri))
        })
}
