//! Device authorization (RFC 8628): a television shows the code to text.
//!
//! The device holds everything, sealed: its `device_code` opens to the verifier of the code that it shows
//! and to what it asks for, so that no row is written before a text comes. Once it came, the device code
//! is redeemed as the verifier of the terminal grant is.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use twinpath_wire::code::Code;
use twinpath_wire::oauth::ErrorCode;
use twinpath_wire::verifier::Verifier;

use crate::authorization::request::{Parameters, Rules, authentication_context, max_age, terminal};
use crate::grant::{ParameterError, Resources, Scope, frame, unframe};
use crate::ids::{ClientId, Digest, TerminalKey, Timestamp};
use crate::records::{App, GrantType};
use crate::transaction::{Random, random_bytes};
use crate::vault::{Purpose, Vault};

/// Seconds for which a device code lives (RFC 8628 3.2).
pub const DEVICE_S: i64 = 600;

const PREFIX: &str = "tpd_";
/// What the largest `authorization_details`, scope and resources come to.
const MAX_LEN: usize = 32 * 1024;

/// What a device asks for, and how it is known again. `Debug` does not show it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceAuthorization {
    verifier: String,
    /// The scope to grant, space-separated.
    pub scope: String,
    /// RFC 8707.
    pub resources: Vec<String>,
    /// RFC 9396.
    pub authorization_details: Vec<Value>,
    /// The terminal the app expects.
    pub login_hint: Option<TerminalKey>,
    /// The key that the device proved when it asked; empty for none. Only it redeems the code.
    pub jkt: String,
    /// When the device code is over.
    pub expires_at: Timestamp,
}

impl fmt::Debug for DeviceAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceAuthorization(..)")
    }
}

/// Checks a device authorization request (RFC 8628 3.1) but for who sends it.
pub fn check_device(
    parameters: &dyn Parameters,
    app: &App,
    rules: &Rules<'_>,
    (now, random): (Timestamp, &mut dyn Random),
) -> Result<DeviceAuthorization, ParameterError> {
    if !app.grant_types.contains(&GrantType::DeviceCode) {
        return Err(ParameterError {
            code: ErrorCode::UnauthorizedClient,
            description: "this app is not registered for the device_code grant".to_owned(),
        });
    }
    // RFC 9470: the terminal is proven anew, which any age meets.
    max_age(parameters.get("max_age"))?;
    authentication_context(parameters.get("acr_values"), None)?;
    let details = parameters.get("authorization_details");
    let hint = parameters.get("login_hint").map(|hint| terminal(hint, rules.vault)).transpose()?;
    Ok(DeviceAuthorization {
        verifier: Verifier::from_random(random_bytes(random)).as_str().to_owned(),
        scope: Scope::within(parameters.get("scope"), &app.scope)?.join(),
        resources: Resources::within(&parameters.all("resource"), rules.resources)?.0,
        authorization_details: details
            .map_or(Ok(Vec::new()), |raw| rules.details.check(raw, app))?,
        login_hint: hint.flatten(),
        jkt: String::new(),
        expires_at: now.plus_seconds(DEVICE_S),
    })
}

impl DeviceAuthorization {
    /// RFC 8628 3.2: the `device_code`. `tpd_`, then sealed what it stands for, then eight hex digits of
    /// CRC-32 for leak scanners. Each time another one.
    pub fn seal(&self, vault: &Vault, app: &ClientId, random: &mut dyn Random) -> Option<String> {
        let plain = serde_json::to_vec(self).ok()?;
        let sealed = vault.seal(Purpose::Handle, &owner(app), &plain, random).ok()?;
        Some(frame(PREFIX, &sealed))
    }

    /// Opens a device code that this app was given; `None` for anything else.
    pub fn open(vault: &Vault, app: &ClientId, device_code: &str) -> Option<Self> {
        let sealed = unframe(PREFIX, device_code, MAX_LEN)?;
        let plain = vault.open(Purpose::Handle, &owner(app), &sealed).ok()?;
        serde_json::from_slice(&plain).ok()
    }

    /// RFC 8628 3.2: the `user_code`, which the person texts.
    pub fn user_code(&self, issuer: &str, app: &ClientId) -> Code {
        // The device may prove a key or not: the code is the same, and bound by `device_code` instead.
        Code::commit(issuer, app.as_str(), "", &self.verifier)
    }

    /// What a repeated token request must repeat: the device code's content, and the key that proves it.
    pub fn frozen(&self, vault: &Vault, jkt: &str) -> Digest {
        let details = json!(self.authorization_details).to_string();
        let mut parts = vec![b"device".as_slice(), jkt.as_bytes(), self.scope.as_bytes()];
        parts.extend(self.resources.iter().map(String::as_bytes));
        parts.push(details.as_bytes());
        vault.frozen(&parts)
    }
}

/// No refresh token's owner, whose are `client_id`s alone.
fn owner(app: &ClientId) -> Vec<u8> {
    [b"\0device-code\0", app.as_str().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorization::fixtures::{Form, rules};
    use crate::fixtures::{ISSUER, START, Seeded, app, client, vault};
    use crate::records::AuthMethod;

    fn television() -> App {
        App { grant_types: vec![GrantType::DeviceCode], ..app("tv", AuthMethod::None) }
    }

    fn check(form: &[(&'static str, &str)]) -> Result<DeviceAuthorization, ErrorCode> {
        let vault = vault();
        check_device(&Form::of(form), &television(), &rules(&vault), (START, &mut Seeded(1)))
            .map_err(|error| error.code)
    }

    fn sealed() -> (DeviceAuthorization, String) {
        let asked = check(&[("scope", "openid"), ("resource", "https://a.example")]).unwrap();
        let code = asked.seal(&vault(), &client("tv"), &mut Seeded(2)).unwrap();
        (asked, code)
    }

    #[test]
    fn only_what_the_app_may_ask_for() {
        for (form, error) in [
            (&[("scope", "admin")][..], ErrorCode::InvalidScope),
            (&[("resource", "a")], ErrorCode::InvalidTarget),
            (&[("authorization_details", "[]")], ErrorCode::InvalidAuthorizationDetails),
            (&[("max_age", "x")], ErrorCode::InvalidRequest),
            (&[("login_hint", "tel:1")], ErrorCode::InvalidRequest),
            (&[("acr_values", "gold")], ErrorCode::UnmetAuthenticationRequirements),
        ] {
            assert_eq!(check(form).unwrap_err(), error, "{form:?}");
        }
        let other = App { grant_types: GrantType::of_native_apps(), ..television() };
        let vault = vault();
        let refused = check_device(&Form::of(&[]), &other, &rules(&vault), (START, &mut Seeded(1)));
        assert_eq!(refused.unwrap_err().code, ErrorCode::UnauthorizedClient);
    }

    #[test]
    fn a_device_code_opens_for_its_app_only() {
        let (asked, code) = sealed();
        assert_eq!(DeviceAuthorization::open(&vault(), &client("tv"), &code), Some(asked.clone()));
        assert_eq!(DeviceAuthorization::open(&vault(), &client("radio"), &code), None);
        let again = asked.seal(&vault(), &client("tv"), &mut Seeded(3)).unwrap();
        assert_ne!(again, code);
        assert!(!format!("{asked:?}").contains(&asked.verifier));
    }

    #[test]
    fn a_changed_device_code_opens_for_nobody() {
        let (_, code) = sealed();
        let open = |code: &str| DeviceAuthorization::open(&vault(), &client("tv"), code);
        for at in 0..code.len() {
            let mut bad = code.as_bytes().to_vec();
            bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
            let bad = String::from_utf8(bad).unwrap();
            assert_eq!(open(&bad), None, "{at}");
            // Not even with a check sum of its own.
            let (body, _) = bad.split_at(bad.len() - 8);
            if at < body.len() {
                assert_eq!(open(&format!("{body}{:08x}", crc32fast::hash(body.as_bytes()))), None);
            }
        }
        for bad in ["", "tpd_", "é", &"t".repeat(MAX_LEN + 1)] {
            assert_eq!(open(bad), None);
        }
    }

    #[test]
    fn the_key_and_what_is_asked_are_frozen() {
        let (asked, _) = sealed();
        let frozen = |asked: &DeviceAuthorization, jkt| asked.frozen(&vault(), jkt);
        let first = frozen(&asked, "k");
        assert_eq!(first, frozen(&asked.clone(), "k"));
        assert_ne!(first, frozen(&asked, "other"));
        assert_ne!(first, frozen(&asked, ""));
        let mut wider = asked.clone();
        wider.scope.push_str(" phone");
        assert_ne!(first, frozen(&wider, "k"));
    }

    #[test]
    fn each_device_shows_a_code_of_its_own() {
        let vault = vault();
        let mut random = Seeded(4);
        let mut codes = (0..8).map(|_| {
            let asked =
                check_device(&Form::of(&[]), &television(), &rules(&vault), (START, &mut random));
            asked.unwrap().user_code(ISSUER, &client("tv")).to_string()
        });
        let first = codes.next().unwrap();
        assert!(codes.all(|code| code != first));
        let (asked, _) = sealed();
        let (here, elsewhere) = (asked.user_code(ISSUER, &client("tv")), "https://other.example");
        assert_ne!(here, asked.user_code(elsewhere, &client("tv")));
        assert_ne!(here, asked.user_code(ISSUER, &client("radio")));
    }
}
