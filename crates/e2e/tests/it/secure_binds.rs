//! Binds over TLS with certificates of both sides, to node-smpp: texts in, texts out, their receipts.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use twinpath_e2e::app::Instance;
use twinpath_e2e::centre::Centre;
use twinpath_e2e::config::{Bind, Settings};
use twinpath_e2e::number;
use twinpath_e2e::pdu::Text;
use twinpath_e2e::platform::{Platform, Registration};
use twinpath_e2e::rig::ROUTE;
use twinpath_e2e::wait::until;

use crate::confirmation::digits;

/// A CA with what it issued to a message centre and to the platform.
struct Pki {
    folder: TempDir,
    ca: String,
    centre: (String, String),
}

impl Pki {
    fn new() -> Self {
        let (key, mut params) = (KeyPair::generate().unwrap(), CertificateParams::default());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL takes a certificate whose subject is its issuer for self-signed.
        params.distinguished_name.push(DnType::CommonName, "an operator's CA");
        let ca = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let issue = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new([name.to_owned()]).unwrap();
            (key.serialize_pem(), params.signed_by(&key, &issuer).unwrap().pem())
        };
        let (centre, (key, certificate)) = (issue("smsc.example"), issue("twinpath.example"));
        let folder = tempfile::tempdir().unwrap();
        for (file, pem) in [("ca.pem", &ca), ("own.key", &key), ("own.pem", &certificate)] {
            fs::write(folder.path().join(file), pem).unwrap();
        }
        Self { folder, ca, centre }
    }

    async fn centre(&self) -> Centre {
        Centre::start_tls(&self.centre.0, &self.centre.1, Some(&self.ca)).await
    }

    fn path(&self, file: &str) -> String {
        format!("{:?}", self.folder.path().join(file))
    }

    /// Trusts the CA, under the centre's name.
    fn trusting(&self, bind: Bind) -> Bind {
        let ca = self.path("ca.pem");
        bind.with(&format!("tls = true\ntls_ca_file = {ca}\ntls_server_name = \"smsc.example\""))
    }

    /// And shows the platform's certificate.
    fn known(&self, bind: Bind) -> Bind {
        let (certificate, key) = (self.path("own.pem"), self.path("own.key"));
        let bind = self.trusting(bind);
        bind.with(&format!("tls_certificate_file = {certificate}\ntls_key_file = {key}"))
    }
}

/// Confirmations of every sign-in, and no notices.
const CONFIRM: &str = "[terminal]\nconfirm = \"always\"\nnotify = false\n[sms.outbound]";

async fn ended(platform: &Platform, outcome: &str) {
    let name = format!("twinpath_outbound_texts_total{{of=\"{ROUTE}\",outcome=\"{outcome}\"}}");
    until(outcome, async || (platform.metric(&name).await > 0.5).then_some(())).await;
}

#[tokio::test]
async fn texts_go_both_ways_over_mutual_tls_and_receipts_come_back() {
    let pki = Pki::new();
    let centre = pki.centre().await;
    let bind = pki.known(Bind::new(ROUTE, centre.port));
    let bind = bind.with("sender = \"Weather\"\nreceipt_ids = \"decimal\"\nvalidity_s = 300");
    let platform = Platform::start(&Settings::binds(&[bind]).with(CONFIRM)).await;
    centre.bound(1).await;
    let app = platform.register(&Registration::new("weather")).await;
    let weather = Instance::new(&app, &platform.place);
    let attempt = weather.attempt();
    centre.text(&number(1), &attempt.text).await.ok();
    weather.redeem(&attempt).await.refuses(400, "confirmation_required");

    let submitted = centre.event("submit_sm", 1).await;
    assert_eq!(format!("+{}", submitted["to"].as_str().unwrap()), number(1));
    assert_eq!((&submitted["from"], &submitted["receipt"]), (&"Weather".into(), &1.into()));
    assert_eq!(submitted["types"], serde_json::json!([5, 0, 1, 1]));
    ended(&platform, "accepted").await;
    // node-smpp named it 00000001, in hexadecimal; its receipt has it in decimal.
    let said = "id:0000000001 sub:001 dlvrd:001 submit date:2611230800 done date:2611230801 \
                stat:DELIVRD err:000 text:";
    centre.deliver(&Text::new(&number(1), said).with("esm_class", 4)).await.ok();
    ended(&platform, "delivered").await;
    assert!((platform.texts(ROUTE, "receipt").await - 1.0).abs() < 0.5);
    let code = digits(submitted["text"].as_str().unwrap());
    weather.redeem_with(&attempt, &[("confirmation_code", &code)]).await.accepts();

    for (metric, least) in [
        ("twinpath_smpp_connects_total{bind=\"operator-a\"}", 1.0),
        ("twinpath_smpp_submits_total{bind=\"operator-a\",outcome=\"accepted\"}", 1.0),
        ("twinpath_smpp_answer_seconds_count{bind=\"operator-a\"}", 2.0),
        ("twinpath_smpp_answer_seconds_bucket{bind=\"operator-a\",le=\"+Inf\"}", 2.0),
    ] {
        assert!(platform.metric(metric).await >= least, "{metric}");
    }
    platform.stop().await;
    centre.event("unbind", 1).await;
}

#[tokio::test]
async fn without_the_right_certificate_nobody_is_bound() {
    let pki = Pki::new();
    let centre = pki.centre().await;
    let strange = Pki::new();
    let binds = [
        pki.trusting(Bind::new("unknown", centre.port)),
        strange.known(Bind::new("suspicious", centre.port)),
        Bind::new("plain", centre.port),
    ];
    let platform = Platform::start(&Settings::binds(&binds)).await;
    for bind in ["unknown", "suspicious", "plain"] {
        until(bind, async || {
            let text = platform.place.get("/readyz").await.text();
            text.contains(&format!("\"{bind}\":\"waiting\"")).then_some(())
        })
        .await;
    }
    assert!(centre.events("bind").is_empty(), "nobody got as far as a password");
    centre.event("refused", 3).await;
    platform.stop().await;
}
