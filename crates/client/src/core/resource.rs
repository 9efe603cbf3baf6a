//! Calls of `OpenAPI`s: how a token is shown, and what a 401 means (RFC 6750, RFC 9449 7 and 9).

use twinpath_wire::oauth::{ErrorCode, TOKEN_TYPE_BEARER, TOKEN_TYPE_DPOP};

use super::{
    Answer, App, Context, Peer, Tokens,
    exchange::{learn_nonce, learn_skew},
    http::{self, HeaderField},
};
use crate::Error;

/// What an API's answer means for the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceVerdict {
    /// The answer is the call's, whatever it says.
    Final,
    /// Call again at once with a new proof: a nonce or the server's clock was learned.
    Again,
    /// The access token is over: refresh once, then call again (RFC 6750 3.1).
    Refresh,
}

/// One try of a call: what its proof was made with.
#[derive(Debug)]
pub struct ResourceCall {
    origin: String,
    used: Peer,
}

impl ResourceCall {
    /// The header fields that show a token (RFC 9449 7.1, RFC 6750 2.1).
    pub fn show(
        app: &App,
        tokens: &Tokens,
        method: &str,
        url: &str,
        cx: &Context<'_>,
    ) -> Result<(Self, Vec<HeaderField>), Error> {
        let origin = http::origin(url).to_owned();
        let used = cx.origins.peer(&origin);
        let proof = app.proof(method, url, Some(&tokens.access_token), cx)?;
        let scheme = if proof.is_some() { TOKEN_TYPE_DPOP } else { TOKEN_TYPE_BEARER };
        let mut headers = vec![("authorization", format!("{scheme} {}", tokens.access_token))];
        headers.extend(proof.map(|proof| ("dpop", proof)));
        Ok((Self { origin, used }, headers))
    }

    /// Reads status and header fields of the answer; its body does not matter.
    pub fn judge(&self, answer: &Answer, cx: &mut Context<'_>) -> ResourceVerdict {
        learn_nonce(answer, &self.origin, cx);
        if answer.status != 401 {
            return ResourceVerdict::Final;
        }
        let mut challenges = answer.header_values("www-authenticate");
        let learned = match challenges.find_map(challenge_error) {
            Some(ErrorCode::UseDpopNonce) => cx.origins.peer(&self.origin).nonce != self.used.nonce,
            Some(ErrorCode::InvalidDpopProof) => learn_skew(answer, &self.origin, &self.used, cx),
            Some(ErrorCode::InvalidToken) => return ResourceVerdict::Refresh,
            _ => false,
        };
        if learned { ResourceVerdict::Again } else { ResourceVerdict::Final }
    }
}

/// The `error` of a `DPoP` or `Bearer` challenge (RFC 6750 3, RFC 9449 7.1).
fn challenge_error(challenge: &str) -> Option<ErrorCode> {
    let (scheme, parameters) = challenge.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("dpop") && !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    // Values of these challenges hold no quoted commas but in descriptions, which come to nothing.
    parameters.split(',').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("error").then(|| ErrorCode::parse(value)).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_challenges() {
        let error = challenge_error;
        let nonce = r#"DPoP error="use_dpop_nonce", error_description="Use it, please""#;
        assert_eq!(error(nonce), Some(ErrorCode::UseDpopNonce));
        let last = r#"DPoP algs="ES256", error="invalid_token""#;
        assert_eq!(error(last), Some(ErrorCode::InvalidToken));
        assert_eq!(error("bearer error=invalid_token"), Some(ErrorCode::InvalidToken));
        assert_eq!(error(r#"Basic error="invalid_token""#), None);
        assert_eq!(error("DPoP"), None);
    }
}
