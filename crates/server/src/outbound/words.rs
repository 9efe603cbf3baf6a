//! What a text in the queue says, made anew for each attempt.

use twinpath_core::number::E164;
use twinpath_core::outbound::Wording;
use twinpath_core::records::{Outbound, TextPurpose};

use crate::platform::Platform;

/// Number and words; nothing if its app has gone, or the number does not open.
pub(super) fn words(platform: &Platform, text: &Outbound) -> Option<(E164, String)> {
    let (config, vault) = (&platform.config, &platform.vault);
    let outbound = config.outbound.as_ref()?;
    let number = vault.open_number(text.terminal, &text.number).ok()?;
    let registered = platform.app(&text.client_id)?;
    let app = &registered.app;
    let wording = |templates| Wording {
        templates,
        platform: &config.site.name,
        app: &app.client_name,
        ui_locales: text.ui_locales.as_deref(),
    };
    let body = match text.purpose {
        TextPurpose::Confirmation { code } => {
            let digits = vault.confirmation_code(code, text.grant);
            let hash = app.android_sms_hash.as_deref();
            wording(&outbound.confirmations).confirmation(&digits, host(&config.issuer), hash)
        }
        TextPurpose::Notice { counter } => {
            let digits = vault.revocation_code(text.grant, counter);
            wording(&outbound.notices).notice(&digits)
        }
    };
    Some((number, body))
}

/// The issuer's host, without port.
fn host(issuer: &str) -> &str {
    let (_, rest) = issuer.split_once("://").unwrap_or(("", issuer));
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuers_host() {
        assert_eq!(host("https://id.example.com"), "id.example.com");
        assert_eq!(host("https://id.example.com:8443/tenants/a"), "id.example.com");
        assert_eq!(host("http://127.0.0.1:8080"), "127.0.0.1");
        assert_eq!(host("http://[::1]:8080/a"), "::1");
    }
}
