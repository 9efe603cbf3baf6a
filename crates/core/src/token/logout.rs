//! Logout tokens (OIDC Back-Channel Logout 1.0, 2.4).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use twinpath_wire::b64;

use crate::ids::{AccountId, SessionId, Timestamp};
use crate::records::App;
use crate::token::pairwise;
use crate::transaction::{Random, random_bytes};
use crate::vault::Vault;

/// The media type of a logout token (2.4), which no ID token has.
pub const LOGOUT_TOKEN_TYP: &str = "logout+jwt";

/// What makes a JWT a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Seconds for which a logout token counts: as 2.4 advises, two minutes at most.
const TTL_S: i64 = 120;

/// The claims of a logout token. Never a `nonce`: so it can be shown nowhere as an ID token.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LogoutClaims {
    /// The issuer.
    pub iss: String,
    /// The app.
    pub aud: String,
    /// Issued.
    pub iat: i64,
    /// Expires.
    pub exp: i64,
    /// One for each token.
    pub jti: String,
    /// The one event.
    pub events: Map<String, Value>,
    /// The person, as this app knows it.
    pub sub: String,
    /// The session that ended, as this app knows it; without it, all of the person's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
}

impl LogoutClaims {
    /// Tells `app` that a session of an account ended.
    pub fn issue(
        issuer: &str,
        app: &App,
        (account, session): (AccountId, Option<SessionId>),
        now: Timestamp,
        (vault, random): (&Vault, &mut dyn Random),
    ) -> Self {
        let mut events = Map::new();
        events.insert(EVENT.to_owned(), json!({}));
        Self {
            iss: issuer.to_owned(),
            aud: app.client_id.to_string(),
            iat: now.seconds(),
            exp: now.seconds().saturating_add(TTL_S),
            jti: b64::encode(random_bytes::<16>(random)),
            events,
            sub: pairwise(app, account, vault),
            sid: session.map(|session| session.claim(vault, &app.client_id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{ISSUER, START as NOW, Seeded, app, vault};
    use crate::records::AuthMethod;
    use crate::token::IdClaims;

    #[test]
    fn a_logout_token_says_who_and_which_session_and_is_no_id_token() {
        let app = app("weather", AuthMethod::None);
        let (account, session) = (AccountId([7; 16]), SessionId([9; 16]));
        let random = &mut Seeded(3);
        let issue = |session, random: &mut Seeded| {
            LogoutClaims::issue(ISSUER, &app, (account, session), NOW, (&vault(), random))
        };
        let claims = issue(Some(session), random);
        let shown = serde_json::to_value(&claims).unwrap();
        assert_eq!((&shown["iss"], &shown["aud"]), (&json!(ISSUER), &json!("weather")));
        assert_eq!(shown["events"], json!({EVENT: {}}));
        assert_eq!(claims.exp - claims.iat, 120);
        assert_eq!(claims.sub, pairwise(&app, account, &vault()));
        assert_eq!(claims.sid, Some(session.claim(&vault(), &app.client_id)));
        assert!(shown.get("nonce").is_none());
        assert!(serde_json::from_value::<IdClaims>(shown).is_err());
        assert_ne!(issue(Some(session), random).jti, claims.jti);
        let whole = serde_json::to_value(issue(None, random)).unwrap();
        assert!(whole.get("sid").is_none() && whole["sub"].is_string());
    }
}
