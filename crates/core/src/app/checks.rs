//! What an app may be registered with, member by member.

use twinpath_wire::gsm::septets;
use twinpath_wire::jwk::JwkSet;

use crate::app::RegistrationError;
use crate::app::authenticate::{KEYS_TRIED, form_decode};
use crate::app::certificate::checked_name;
use crate::grant::absolute;
use crate::ids::ClientId;
use crate::proof::VerifyingKey;
use crate::records::{AuthMethod, CertificateName, GrantType};

fn refuse<T>(why: impl Into<String>) -> Result<T, RegistrationError> {
    Err(RegistrationError(why.into()))
}

/// The name stands in every text, beside 45 characters of code and the words of the phrase.
pub(super) fn name(name: &str) -> Result<String, RegistrationError> {
    let name = name.trim();
    if name.is_empty() || name.chars().any(char::is_control) {
        return refuse("the name must not be empty or hold control characters");
    }
    let fits = septets(name).map_or(name.encode_utf16().count() <= 11, |n| n <= 40);
    if !fits {
        return refuse("the name must fit a text: 40 GSM characters, or 11 of others");
    }
    Ok(name.to_owned())
}

pub(super) fn developer(
    developer: Option<String>,
    client_id: &ClientId,
) -> Result<String, RegistrationError> {
    developer_name(developer.unwrap_or_else(|| client_id.to_string()))
}

pub(super) fn developer_name(developer: String) -> Result<String, RegistrationError> {
    if developer.is_empty() || developer.len() > 128 || developer.chars().any(char::is_control) {
        return refuse("the developer must have 1 to 128 characters");
    }
    Ok(developer)
}

pub(super) fn jwks(
    jwks: Option<JwkSet>,
    method: AuthMethod,
) -> Result<Option<JwkSet>, RegistrationError> {
    use AuthMethod::{
        AttestJwtClientAuth, AttestJwtClientAuthDpop, PrivateKeyJwt, SelfSignedTlsClientAuth,
    };
    match (&jwks, method) {
        (None, PrivateKeyJwt) => refuse("private_key_jwt needs a JWK set"),
        (None, SelfSignedTlsClientAuth) => {
            refuse("self_signed_tls_client_auth needs a JWK set with the certificate's key")
        }
        (
            Some(set),
            PrivateKeyJwt | SelfSignedTlsClientAuth | AttestJwtClientAuth | AttestJwtClientAuthDpop,
        ) => {
            let usable = set.keys.iter().filter_map(VerifyingKey::new).count();
            if usable == 0 || usable != set.keys.len() || usable > 16 {
                return refuse(
                    "the JWK set must hold 1 to 16 public keys for ES256, EdDSA or PS256",
                );
            }
            let mut kids: Vec<_> = set.keys.iter().filter_map(|key| key.kid.as_deref()).collect();
            kids.sort_unstable();
            kids.dedup();
            if usable > KEYS_TRIED && kids.len() != usable {
                return refuse(format!(
                    "a JWK set of more than {KEYS_TRIED} keys needs a kid of its own for each"
                ));
            }
            Ok(jwks)
        }
        (Some(_), _) => refuse(
            "a JWK set goes with private_key_jwt, self_signed_tls_client_auth and, as keys of \
                 the app's own attester, with attest_jwt_client_auth and attest_jwt_client_auth_dpop",
        ),
        (None, _) => Ok(None),
    }
}

/// RFC 8705 2.1.2: exactly one name for `tls_client_auth`, none for other methods. They come as
/// subject, DNS name, URI, address, e-mail address.
pub(super) fn certificate_name(
    said: [Option<&str>; 5],
    method: AuthMethod,
) -> Result<Option<CertificateName>, RegistrationError> {
    let asked = method == AuthMethod::TlsClientAuth;
    let name = match said.map(|name| name.map(str::to_owned)) {
        [None, None, None, None, None] if !asked => return Ok(None),
        _ if !asked => {
            return refuse("what a certificate must name goes with tls_client_auth only");
        }
        [Some(dn), None, None, None, None] => CertificateName::SubjectDn(dn),
        [None, Some(dns), None, None, None] => CertificateName::SanDns(dns),
        [None, None, Some(uri), None, None] => CertificateName::SanUri(uri),
        [None, None, None, Some(ip), None] => CertificateName::SanIp(ip.parse().map_err(|_| {
            RegistrationError("tls_client_auth_san_ip must be an IP address".into())
        })?),
        [None, None, None, None, Some(email)] => CertificateName::SanEmail(email),
        _ => {
            return refuse(
                "tls_client_auth needs one name that the certificate must have: \
                 tls_client_auth_subject_dn, or one of tls_client_auth_san_dns, _uri, _ip, _email",
            );
        }
    };
    checked_name(name).map(Some).map_err(|why| RegistrationError(why.into()))
}

/// Tokens are bound to instance keys unless something else is said. An attested key is the key that tokens
/// are bound to (PROTOCOL 5).
pub(super) fn dpop(
    said: Option<bool>,
    certificate_bound: bool,
    method: AuthMethod,
) -> Result<bool, RegistrationError> {
    if method.is_attested() && (said == Some(false) || certificate_bound) {
        return refuse("tokens of an app with attested keys are bound to these (dpop)");
    }
    match (said, certificate_bound) {
        (Some(true), true) => {
            refuse("tokens are bound to an instance key (dpop) or to a certificate, not to both")
        }
        (said, bound) => Ok(said.unwrap_or(!bound)),
    }
}

pub(super) fn scope(scope: &str) -> Result<Vec<String>, RegistrationError> {
    let scope = crate::grant::Scope::parse(scope);
    scope.map(|scope| scope.tokens().to_vec()).map_err(|error| RegistrationError(error.description))
}

/// RFC 8707 2: absolute URIs without a fragment.
pub(super) fn resources(said: Option<Vec<String>>) -> Result<Vec<String>, RegistrationError> {
    let resources = crate::grant::Resources::within(&said.unwrap_or_default(), &[]);
    resources.map(|known| known.0).map_err(|error| RegistrationError(error.description))
}

/// The parameters of an authorization response.
const ANSWER: [&str; 6] = ["code", "state", "iss", "error", "error_description", "error_uri"];

/// RFC 9700 2.1: compared as strings, so they must be whole and without a fragment.
pub(super) fn redirect_uri(uri: &str) -> Result<String, RegistrationError> {
    let scheme = uri.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let no_app =
        ["javascript", "data", "vbscript", "file", "blob", "about", "intent", "filesystem"];
    if !absolute(uri) || uri.len() > 512 || no_app.contains(&scheme.as_str()) {
        return refuse(format!("redirect_uri {uri:?} must be an absolute URI without a fragment"));
    }
    // RFC 9700 2.6; and no user name that looks like a host.
    let authority = uri.split("://").nth(1).and_then(|rest| rest.split(['/', '?']).next());
    let web = scheme == "http" || scheme == "https";
    let named =
        authority.is_some_and(|authority| !authority.is_empty() && !authority.contains('@'));
    if web && !(named && (scheme == "https" || loopback(uri))) {
        return refuse(format!(
            "redirect_uri {uri:?} must be https, or http on loopback, without a user's name"
        ));
    }
    if let Some(name) = answered(uri) {
        return refuse(format!("redirect_uri {uri:?} must not say {name}: that is for the answer"));
    }
    Ok(uri.to_owned())
}

/// The first parameter of a URI's query that an answer would say once more (RFC 6749 4.1.2, RFC 9207 2):
/// its reader could take either for the answer.
fn answered(uri: &str) -> Option<&'static str> {
    let (_, query) = uri.split_once('?')?;
    let names = query.split('&').filter_map(|pair| form_decode(pair.split('=').next()?));
    let names: Vec<_> = names.collect();
    ANSWER.into_iter().find(|name| names.iter().any(|said| said == name))
}

/// What an app may register for itself: a page of a web app, this machine (RFC 8252 7.3), or a scheme
/// that is a domain name of its own, turned round (RFC 8252 7.1).
pub(super) fn own_redirect_uri(uri: &str) -> Result<String, RegistrationError> {
    let uri = redirect_uri(uri)?;
    let (scheme, rest) = uri.split_once(':').unwrap_or_default();
    let private_use =
        |scheme: &str| scheme.contains('.') && scheme.split('.').all(|label| !label.is_empty());
    let right = match scheme.to_ascii_lowercase().as_str() {
        "https" => rest.strip_prefix("//").is_some_and(|rest| plain_authority(rest).is_some()),
        "http" => loopback(&uri),
        other => private_use(other),
    };
    if !right {
        return refuse(format!(
            "redirect_uri {uri:?} must be https at a plain host, http on loopback, or of a private-use \
             scheme with a dot (RFC 8252 7)"
        ));
    }
    Ok(uri)
}

/// Host and port after `//`, if there is no user's name, no wildcard and nothing else of which readers
/// of URLs could make different hosts.
fn plain_authority(rest: &str) -> Option<(&str, Option<&str>)> {
    let authority = rest.split(['/', '?']).next()?;
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let named = host.split('.').all(|label| !label.is_empty());
    let plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    let ported = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    (named && plain && ported).then_some((host, port))
}

/// Whether it is an https URI at a domain name: an app that registers itself must not have the platform
/// call into a network by its addresses.
pub(super) fn public_https(uri: &str) -> bool {
    let host = uri.strip_prefix("https://").and_then(plain_authority).map(|(host, _)| host);
    // The last label of a name is no number, in any spelling of addresses.
    host.and_then(|host| host.rsplit_once('.'))
        .is_some_and(|(_, top)| top.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-'))
}

/// What SMS Retriever looks for: eleven characters of base64. (It follows from the whole signing
/// certificate, not from the digest that is registered of it.)
pub(super) fn sms_hash(hash: Option<String>) -> Result<Option<String>, RegistrationError> {
    let base64 = |b: u8| b.is_ascii_alphanumeric() || b"+/".contains(&b);
    match hash.filter(|hash| !hash.is_empty()) {
        Some(hash) if hash.len() != 11 || !hash.bytes().all(base64) => Err(RegistrationError(
            "android_sms_hash must be eleven characters of base64".to_owned(),
        )),
        hash => Ok(hash),
    }
}

/// Package names and bundle ids: words of letters, digits and `joiner` between dots.
pub(super) fn dotted(
    id: Option<String>,
    what: &str,
    joiner: u8,
) -> Result<Option<String>, RegistrationError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == joiner;
    let right = |id: &String| {
        let words = || id.split('.');
        id.len() <= 255
            && words().count() > 1
            && words().all(|word| !word.is_empty() && word.bytes().all(allowed))
    };
    if id.as_ref().is_some_and(|id| !right(id)) {
        return refuse(format!("{what} must be names of letters and digits, joined by dots"));
    }
    Ok(id)
}

pub(super) fn digest(digest: &str) -> Result<String, RegistrationError> {
    let hex: String = digest.chars().filter(|c| *c != ':').collect::<String>().to_lowercase();
    if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return refuse("a certificate digest is 32 bytes in hex");
    }
    Ok(hex)
}

/// RFC 7591 2.1: what the grants need, and what goes with them.
pub(super) fn grant_types(
    said: Option<Vec<GrantType>>,
    method: AuthMethod,
    redirect_uris: &[String],
    first_party: bool,
) -> Result<Vec<GrantType>, RegistrationError> {
    let mut grants = said.unwrap_or_else(|| {
        let mut grants = GrantType::of_native_apps();
        if !redirect_uris.is_empty() {
            grants.push(GrantType::AuthorizationCode);
        }
        grants
    });
    grants.sort_unstable();
    grants.dedup();
    // The operator's own apps may get their codes without a browser.
    let browser = !redirect_uris.is_empty() || first_party;
    if grants.contains(&GrantType::AuthorizationCode) && !browser {
        return refuse("grant_types has authorization_code, but there is no redirect_uri");
    }
    let own = [GrantType::ClientCredentials, GrantType::TokenExchange];
    if method == AuthMethod::None && grants.iter().any(|grant| own.contains(grant)) {
        return refuse("client_credentials and token exchange are for apps that authenticate");
    }
    Ok(grants)
}

/// RFC 7591 2: the only response type there is.
pub(super) fn response_types(
    said: Option<&[String]>,
    grants: &[GrantType],
) -> Result<(), RegistrationError> {
    let code = grants.contains(&GrantType::AuthorizationCode);
    match said {
        None | Some([]) => Ok(()),
        Some([only]) if only == "code" && code => Ok(()),
        Some(_) => refuse("response_types can be [\"code\"], with grant type authorization_code"),
    }
}

/// A page shown to people, or an endpoint of the app: https, or http on this machine.
pub(super) fn web_uri(
    said: Option<String>,
    what: &str,
) -> Result<Option<String>, RegistrationError> {
    let Some(uri) = said.filter(|uri| !uri.is_empty()) else {
        return Ok(None);
    };
    let web = uri.starts_with("https://") || loopback(&uri);
    if !web || !absolute(&uri) || uri.len() > 512 {
        return refuse(format!("{what} must be an https URI without a fragment"));
    }
    Ok(Some(uri))
}

/// Whether it is an `http` URI of this machine (RFC 8252 7.3).
pub(super) fn loopback(uri: &str) -> bool {
    let rest = uri.strip_prefix("http://").unwrap_or_default();
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        // What stands before it is a user's name, and the host comes after.
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    ["127.0.0.1", "::1", "localhost"].contains(&host)
}

/// A JWS algorithm that the platform signs with.
pub(super) fn signing_alg(
    said: Option<String>,
    what: &str,
) -> Result<Option<String>, RegistrationError> {
    match said.filter(|alg| !alg.is_empty()) {
        Some(alg) if ["ES256", "EdDSA"].contains(&alg.as_str()) => Ok(Some(alg)),
        Some(_) => refuse(format!("{what} must be ES256 or EdDSA")),
        None => Ok(None),
    }
}

/// RFC 9396 10: names of registered types.
pub(super) fn detail_types(said: Vec<String>) -> Result<Vec<String>, RegistrationError> {
    let plain = |name: &String| {
        (1..=128).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if said.len() > 16 || !said.iter().all(plain) {
        return refuse("authorization_details_types must be up to 16 names of visible ASCII");
    }
    Ok(said)
}

/// OIDC Core 8.1: a host name, or the host of a URI. The operator's own statement: of an app that registers
/// itself it may be taken only after its `sector_identifier_uri` was fetched and lists all its redirect
/// URIs (OIDC Registration 5).
pub(super) fn sector(said: Option<String>) -> Result<Option<String>, RegistrationError> {
    let Some(said) = said.filter(|said| !said.is_empty()) else {
        return Ok(None);
    };
    let host = said.strip_prefix("https://").unwrap_or(&said);
    let host = host.split(['/', '?', ':']).next().unwrap_or_default().to_ascii_lowercase();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    if host.is_empty() || host.len() > 253 || !host.bytes().all(allowed) {
        return refuse("sector_identifier must be a host name, or an https URI with one");
    }
    Ok(Some(host))
}
