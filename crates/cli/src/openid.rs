//! What `app register` and `app update` say of OpenID Connect.

use clap::Args;
use twinpath_core::app::ClientMetadata;

#[derive(Debug, Args)]
pub(crate) struct OpenId {
    /// The host that apps with one sub share, such as apps.example.com: your own statement that they
    /// belong together. To change it gives the app's users other subs: their accounts at the app, if it
    /// knows them by sub, are lost to them. "" takes it away.
    #[arg(long, value_name = "HOST")]
    pub(crate) sector_identifier: Option<String>,
    /// What the app's ID tokens are signed with: ES256 or `EdDSA`.
    #[arg(long = "id-token-alg", value_name = "ALG")]
    pub(crate) id_token_signed_response_alg: Option<String>,
    /// Userinfo as a JWT that is signed with this: ES256 or `EdDSA`; JSON if it is not given.
    #[arg(long = "userinfo-alg", value_name = "ALG")]
    pub(crate) userinfo_signed_response_alg: Option<String>,
    /// Seconds after which a person proves the terminal again, if a request does not say.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) default_max_age: Option<u32>,
    /// Where browsers may be sent after a logout; may stand more than once.
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    pub(crate) post_logout_redirect_uris: Vec<String>,
    /// Where the server tells the app that a session ended. The server calls it: https only, and only
    /// hosts that you would have it call.
    #[arg(long, value_name = "URI")]
    pub(crate) backchannel_logout_uri: Option<String>,
    /// Whether the app wants to be told of logouts by session only.
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "true")]
    pub(crate) backchannel_logout_session_required: Option<bool>,
}

impl From<OpenId> for ClientMetadata {
    fn from(said: OpenId) -> Self {
        let uris = said.post_logout_redirect_uris;
        Self {
            sector_identifier: said.sector_identifier,
            id_token_signed_response_alg: said.id_token_signed_response_alg,
            userinfo_signed_response_alg: said.userinfo_signed_response_alg,
            default_max_age: said.default_max_age,
            post_logout_redirect_uris: (!uris.is_empty()).then_some(uris),
            backchannel_logout_uri: said.backchannel_logout_uri,
            backchannel_logout_session_required: said.backchannel_logout_session_required,
            ..Self::default()
        }
    }
}
