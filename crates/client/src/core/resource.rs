//! Calls of `OpenAPI`s: how a token is shown, and what a 401 means (RFC 6750, RFC 9449 7 and 9, RFC
//! 9470 3).

use twinpath_wire::oauth::{ErrorCode, TOKEN_TYPE_BEARER, TOKEN_TYPE_DPOP};

use super::{
    Answer, App, Context, Options, Peer, Tokens,
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
    /// The terminal must be proven again: see [`StepUp`].
    StepUp,
}

/// What an API asks for that does not take the authentication behind a token (RFC 9470 3): authorize
/// again with it. A refresh does not help, as nobody is authenticated by one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepUp {
    /// One of these is wanted, space-separated.
    pub acr_values: Option<String>,
    /// How many seconds ago the terminal may have been proven.
    pub max_age: Option<u64>,
}

impl StepUp {
    /// Reads the challenge of an answer; `None` if it asks for no such thing.
    pub fn read(answer: &Answer) -> Option<Self> {
        let mut challenges = answer.header_values("www-authenticate");
        let wanted = Some(ErrorCode::InsufficientUserAuthentication);
        let challenge = challenges.find(|challenge| challenge_error(challenge) == wanted)?;
        let named = |name: &str| {
            let mut all = parameters(challenge);
            all.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        Some(Self {
            acr_values: named("acr_values").map(str::to_owned),
            max_age: named("max_age").and_then(|seconds| seconds.parse().ok()),
        })
    }

    /// `options`, with what is asked for.
    #[must_use]
    pub fn options(&self, options: Options) -> Options {
        Options {
            acr_values: self.acr_values.clone().or(options.acr_values),
            max_age: self.max_age.or(options.max_age),
            ..options
        }
    }
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
            Some(ErrorCode::InsufficientUserAuthentication) => return ResourceVerdict::StepUp,
            _ => false,
        };
        if learned { ResourceVerdict::Again } else { ResourceVerdict::Final }
    }
}

/// The `error` of a `DPoP` or `Bearer` challenge (RFC 6750 3, RFC 9449 7.1).
fn challenge_error(challenge: &str) -> Option<ErrorCode> {
    let (scheme, _) = challenge.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("dpop") && !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let mut all = parameters(challenge);
    all.find(|(name, _)| name.eq_ignore_ascii_case("error"))
        .and_then(|(_, value)| ErrorCode::parse(value))
}

/// The parameters of a challenge (RFC 9110 11.2). Commas within quotes do not part them; escapes stay as
/// they are, since no value that matters here has any.
fn parameters(challenge: &str) -> impl Iterator<Item = (&str, &str)> {
    let (_, rest) = challenge.trim().split_once(' ').unwrap_or_default();
    let (mut quoted, mut escaped) = (false, false);
    rest.split(move |character| {
        let was_escaped = std::mem::take(&mut escaped);
        match character {
            '\\' if quoted && !was_escaped => escaped = true,
            '"' if !was_escaped => quoted = !quoted,
            _ => {}
        }
        character == ',' && !quoted
    })
    .filter_map(|parameter| parameter.split_once('='))
    .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
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
        let described = r#"DPoP error_description="a, error=\"invalid_token\", b", error="x""#;
        assert_eq!(error(described), None, "what stands in quotes is no parameter");
    }

    fn answer(challenge: &str) -> Answer {
        let headers = vec![("www-authenticate".to_owned(), challenge.to_owned())];
        Answer { status: 401, headers, body: Vec::new() }
    }

    #[test]
    fn a_challenge_says_what_to_authorize_again_with() {
        let challenge = r#"DPoP algs="ES256", error="insufficient_user_authentication", error_description="old, very", acr_values="a b", max_age="5""#;
        let step_up = StepUp::read(&answer(challenge)).unwrap();
        assert_eq!((step_up.acr_values.as_deref(), step_up.max_age), (Some("a b"), Some(5)));
        let asked = Options { scope: Some("s".to_owned()), max_age: Some(9), ..Options::default() };
        let options = step_up.options(asked.clone());
        assert_eq!((options.max_age, options.scope), (Some(5), asked.scope.clone()));
        let bare = r#"Bearer error="insufficient_user_authentication", max_age=soon"#;
        let bare = StepUp::read(&answer(bare)).unwrap();
        assert_eq!(bare, StepUp::default());
        assert_eq!(bare.options(asked).max_age, Some(9));
        assert_eq!(StepUp::read(&answer(r#"DPoP error="invalid_token", max_age="5""#)), None);
    }
}
