//! The caller: `OpenAPI`s with the access token, refreshed when it is time (PROTOCOL 9, 13).

use reqwest::{Method, Response};

use crate::{
    Client, Error,
    authorize::EXPIRY_MARGIN,
    client::unix_now,
    core::{ResourceCall, ResourceVerdict, StepUp, Tokens},
    transport,
};

/// Proofs tried with one token: a nonce and the server's clock may both have to be learned.
const MAX_PROOFS: u32 = 3;

/// The body of a call, kept whole so that the call can be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The `Content-Type`.
    pub content_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Payload {
    /// A JSON body.
    pub fn json(value: &impl serde::Serialize) -> Result<Self, Error> {
        let bytes = serde_json::to_vec(value)?;
        Ok(Self { content_type: "application/json".to_owned(), bytes })
    }
}

impl Client {
    /// Calls an `OpenAPI` with the access token and, where the app has a key, a proof (RFC 9449 7).
    ///
    /// A nonce asked for is given, an expired or refused token is refreshed once; both happen
    /// before the API does anything, so the call is done once. A lost answer is not asked for
    /// again: whether that does harm only the app knows. [`Error::StepUp`] if the API wants the
    /// terminal to be proven again.
    pub async fn call(
        &self,
        method: Method,
        url: &str,
        payload: Option<Payload>,
    ) -> Result<Response, Error> {
        // As the request will carry it, so that `htu` is the same.
        let url = transport::secure_url(url)?;
        let mut tokens = self.tokens().ok_or(Error::SignedOut)?;
        let mut refreshed = false;
        if !tokens.live_at(unix_now(), EXPIRY_MARGIN) {
            tokens = self.refresh_from(&tokens).await?;
            refreshed = true;
        }
        loop {
            let (response, verdict) =
                self.show(&tokens, &method, url.as_str(), payload.as_ref()).await?;
            if verdict == ResourceVerdict::StepUp {
                let step_up = StepUp::read(&transport::head(&response)).unwrap_or_default();
                return Err(Error::StepUp(step_up));
            }
            if verdict != ResourceVerdict::Refresh || refreshed || tokens.refresh_token.is_none() {
                return Ok(response);
            }
            tokens = self.refresh_from(&tokens).await?;
            refreshed = true;
        }
    }

    /// Calls with one token until the API takes the proof.
    async fn show(
        &self,
        tokens: &Tokens,
        method: &Method,
        url: &str,
        payload: Option<&Payload>,
    ) -> Result<(Response, ResourceVerdict), Error> {
        let mut proofs = 0;
        loop {
            let app = &self.inner.app;
            let (call, headers) =
                self.event(|cx| ResourceCall::show(app, tokens, method.as_str(), url, cx))??;
            let mut request = self.inner.http.request(method.clone(), url);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            if let Some(payload) = payload {
                let content_type = payload.content_type.as_str();
                request = request.header("content-type", content_type).body(payload.bytes.clone());
            }
            let response = request.send().await;
            let response =
                response.map_err(|error| Error::Unreachable(transport::reason(&error)))?;
            let answer = transport::head(&response);
            let verdict = self.event(|cx| call.judge(&answer, cx))?;
            proofs += 1;
            if verdict != ResourceVerdict::Again || proofs >= MAX_PROOFS {
                return Ok((response, verdict));
            }
        }
    }
}
