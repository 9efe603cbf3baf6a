//! Two nodes on one store, each proof shown to both: requests go to the routers without a network.

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use axum::body::{Body, to_bytes};
use axum::response::Response;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tower_service::Service as _;
use twinpath_core::first_message::{FirstMessage, Route};
use twinpath_core::ids::RouteName;
use twinpath_core::join::{RecordText, Recorded};
use twinpath_core::number::{E164, NumberRanges, SenderPolicy, UnknownTon};
use twinpath_core::records::{AuthMethod, Trust};
use twinpath_core::transaction::random_bytes;
use twinpath_wire::b64;
use twinpath_wire::code::Code;
use twinpath_wire::jwk::Jwk;
use twinpath_wire::jws::compose;
use twinpath_wire::phrase::normalize;

use super::*;
use crate::config::{Config, File};
use crate::operator::Operator;
use crate::platform::{Proofs, SystemRandom as Randomness, now, open_store};
use twinpath_core::app::ClientMetadata;

const ISSUER: &str = "https://id.example.com";
const VERIFIER: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn config(folder: &Path) -> Config {
    let text = format!(
        "issuer = {ISSUER:?}\nhttp.development = true\nterminal.phrase = \"off\"\n\
         store.url = \"sqlite://{}/t.db\"\nkeys.master = {:?}",
        folder.display(),
        "01".repeat(32)
    );
    let file: File = toml::from_str(&text).unwrap();
    file.check().unwrap()
}

/// A node that takes the proofs of others, whatever the store is.
async fn node(config: &Config) -> Arc<Platform> {
    let mut platform = Platform::open(config.clone()).await.unwrap();
    let proofs = Proofs::new(&platform.vault, true);
    Arc::get_mut(&mut platform).unwrap().proofs = proofs;
    platform
}

/// An installation with its key.
struct Phone {
    pair: EcdsaKeyPair,
    jwk: Jwk,
}

impl Phone {
    fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let jwk = Jwk::from_uncompressed_p256(pair.public_key().as_ref()).unwrap();
        Self { pair, jwk }
    }

    fn proof(&self, node: &Platform, path: &str, access_token: Option<&str>) -> String {
        let jti = b64::encode(random_bytes::<16>(&mut Randomness));
        let mut claims = json!({
            "jti": jti, "htm": "POST", "htu": format!("{ISSUER}{path}"), "iat": now().seconds(),
            "nonce": node.proofs.nonces.at(now()),
        });
        if let Some(token) = access_token {
            claims["ath"] = json!(twinpath_wire::dpop::ath(token));
        }
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk});
        let proof = compose(&header, &claims, |input| {
            let signature = self.pair.sign(&SystemRandom::new(), input).unwrap();
            Ok::<_, serde_json::Error>(signature.as_ref().to_vec())
        });
        proof.unwrap()
    }

    /// Texts the code of [`VERIFIER`].
    async fn text(&self, node: &Platform) {
        let senders = SenderPolicy {
            country: None,
            countries: Vec::new(),
            ranges: NumberRanges::default(),
            unknown_ton: UnknownTon::International,
            trust: Trust::Operator,
        };
        let route = Route { name: RouteName::from("r"), senders, ttl_s: 300 };
        let message = FirstMessage {
            number: E164::parse("+447911123456").unwrap(),
            code: Code::commit(ISSUER, "app", &self.jwk.thumbprint(), VERIFIER),
            words: normalize("any"),
        };
        let record = RecordText::new(&node.vault, &route, &message, 20, &mut Randomness).unwrap();
        assert_eq!(node.run(record).await.unwrap(), Recorded::New);
    }
}

async fn send(
    node: &Arc<Platform>,
    path: &str,
    headers: &[(&str, &str)],
    form: &str,
) -> (StatusCode, Value, Response<()>) {
    let mut request =
        Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(form.to_owned())).unwrap();
    let response = router(Arc::clone(node)).call(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, MAX_BODY).await.unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    (parts.status, body, Response::from_parts(parts, ()))
}

/// The error and its description; `None` for a success.
async fn token(node: &Arc<Platform>, proof: &str, form: &str) -> Option<(String, String)> {
    let form = format!("client_id=app&{form}");
    let (status, body, response) = send(node, path::TOKEN, &[("DPoP", proof)], &form).await;
    assert!(response.headers().contains_key("dpop-nonce"));
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    (status != StatusCode::OK).then(|| (text("error"), text("error_description")))
}

#[tokio::test]
async fn a_proof_that_one_node_took_is_refused_by_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let store = open_store(&config).unwrap();
    let vault = twinpath_core::vault::Vault::new(&config.master.0).unwrap();
    let settings = ClientMetadata {
        client_id: Some("app".to_owned()),
        client_name: Some("App".to_owned()),
        auth_method: Some(AuthMethod::None),
        ..ClientMetadata::default()
    };
    let operator = Operator { store: &store, vault: &vault, keys: &config.keys, platform: None };
    operator.register(settings).await.unwrap();
    let (here, there) = (node(&config).await, node(&config).await);
    let phone = Phone::new();
    let ask =
        format!("grant_type={}&terminal_verifier={VERIFIER}", twinpath_wire::oauth::GRANT_TERMINAL);
    let seen = ("invalid_dpop_proof".to_owned(), "the proof's jti was used before".to_owned());

    for (form, first) in [
        (ask.as_str(), "authorization_pending"),
        ("grant_type=refresh_token&refresh_token=x", "invalid_grant"),
        // Refused before anything is looked up.
        ("grant_type=refresh_token", "invalid_request"),
        (&ask.replace("AAA", "A"), "invalid_request"),
    ] {
        let proof = phone.proof(&here, path::TOKEN, None);
        assert_eq!(token(&here, &proof, form).await.unwrap().0, first);
        assert_eq!(token(&there, &proof, &ask).await, Some(seen.clone()), "{first}");
        assert_eq!(token(&here, &proof, &ask).await, Some(seen.clone()), "{first}");
    }

    phone.text(&there).await;
    let form = format!("client_id=app&{ask}");
    let proof = phone.proof(&here, path::TOKEN, None);
    let (status, body, _) = send(&here, path::TOKEN, &[("DPoP", &proof)], &form).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(token(&there, &proof, &ask).await, Some(seen.clone()));
    // The lost answer's repeat, made well, is answered by whichever node.
    assert_eq!(token(&there, &phone.proof(&here, path::TOKEN, None), &ask).await, None);

    let access = body["access_token"].as_str().unwrap();
    let proof = phone.proof(&here, path::USERINFO, Some(access));
    let authorization = format!("DPoP {access}");
    let headers = [("Authorization", authorization.as_str()), ("DPoP", proof.as_str())];
    let (status, body, _) = send(&there, path::USERINFO, &headers, "").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let (status, body, response) = send(&here, path::USERINFO, &headers, "").await;
    assert_eq!((status, &body["error"]), (StatusCode::UNAUTHORIZED, &json!(seen.0)));
    assert!(response.headers().contains_key("www-authenticate"));
    store.close().await;
}
