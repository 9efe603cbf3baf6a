//! Which provider calls, and what each asks of its calls.

use crate::fields::MAX_BODY;
use crate::generic::Generic;
use crate::smsgate::SmsGate;
use crate::sns::Sns;
use crate::telnyx::Telnyx;
use crate::twilio::Twilio;
use crate::vonage::Vonage;
use crate::webhook::{Acknowledgement, Call, Refused, Said};

/// A provider with what its calls must show.
#[derive(Clone, Debug)]
pub enum Provider {
    /// Twilio Programmable Messaging.
    Twilio(Twilio),
    /// Telnyx messaging.
    Telnyx(Telnyx),
    /// Vonage's SMS API and Messages API.
    Vonage(Vonage),
    /// SMS Gateway for Android.
    SmsGate(SmsGate),
    /// AWS End User Messaging, by way of an SNS topic.
    Sns(Sns),
    /// Any other, by description.
    Generic(Box<Generic>),
}

impl Provider {
    /// What a call says, once it has shown what it must. `certificate` is what the URL of
    /// [`Self::signing_certificate`] holds, in PEM; other providers do not look at it.
    pub fn read(&self, call: &Call<'_>, certificate: Option<&[u8]>) -> Result<Said, Refused> {
        if !self.methods().contains(&call.method) {
            return Err(Refused::Malformed("method"));
        }
        if call.body.len() > MAX_BODY {
            return Err(Refused::Malformed("too long"));
        }
        match self {
            Self::Twilio(twilio) => twilio.read(call),
            Self::Telnyx(telnyx) => telnyx.read(call),
            Self::Vonage(vonage) => vonage.read(call),
            Self::SmsGate(gate) => gate.read(call),
            Self::Sns(sns) => sns.read(call, certificate),
            Self::Generic(generic) => generic.read(call),
        }
    }

    /// How a call is answered once all it says is recorded.
    pub fn acknowledgement(&self) -> Acknowledgement<'_> {
        match self {
            Self::Twilio(_) => Twilio::ACKNOWLEDGEMENT,
            Self::Telnyx(_) => Telnyx::ACKNOWLEDGEMENT,
            Self::Vonage(_) => Vonage::ACKNOWLEDGEMENT,
            Self::SmsGate(_) => SmsGate::ACKNOWLEDGEMENT,
            Self::Sns(_) => Sns::ACKNOWLEDGEMENT,
            Self::Generic(generic) => generic.acknowledgement(),
        }
    }

    /// The URL of the certificate that a call has to be read with, if its provider signs with one.
    /// To be fetched over TLS, without following redirections, 16 KiB at most, and kept by URL.
    pub fn signing_certificate(&self, call: &Call<'_>) -> Option<Result<String, Refused>> {
        match self {
            Self::Sns(sns) => Some(sns.signing_certificate(call)),
            _ => None,
        }
    }

    /// The methods that calls come with.
    pub fn methods(&self) -> &'static [&'static str] {
        match self {
            Self::Vonage(_) => &["GET", "POST"],
            Self::Generic(generic) => generic.methods(),
            _ => &["POST"],
        }
    }

    /// Whether the server must have seen a client certificate of its trusted ones.
    pub fn requires_certificate(&self) -> bool {
        matches!(self, Self::Generic(generic) if generic.requires_certificate())
    }

    /// The networks that calls must come from, each list on its own; none for any.
    pub fn addresses(&self) -> Vec<&[crate::generic::Network]> {
        match self {
            Self::Generic(generic) => generic.addresses(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::Secret;
    use crate::testing::call;
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    const KANNEL: &str = r#"{"method": "GET", "format": "query",
        "fields": {"from": "f", "text": "t"},
        "authentication": ["mtls", {"address": ["192.0.2.0/24"]}],
        "success": {"content_type": "text/plain", "body": "ok"}}"#;

    fn providers() -> Vec<Provider> {
        let secrets = vec![Secret::new("x").unwrap()];
        let description = serde_json::from_str(KANNEL).unwrap();
        let generic = Generic::new(description, crate::generic::Secrets::new()).unwrap();
        vec![
            Provider::Twilio(Twilio { secrets: secrets.clone(), account_sid: None }),
            Provider::Telnyx(Telnyx::new(&[STANDARD.encode([1; 32])]).unwrap()),
            Provider::Vonage(Vonage { secrets: secrets.clone(), api_key: None }),
            Provider::SmsGate(SmsGate { secrets }),
            Provider::Sns(Sns { topics: vec!["t".into()] }),
            Provider::Generic(Box::new(generic)),
        ]
    }

    #[test]
    fn calls_come_with_their_methods_alone() {
        for provider in providers() {
            for method in ["GET", "POST", "PUT", "HEAD", "post", ""] {
                let said = provider.read(&call(method, "https://a/x", &[], b"", 0).call(), None);
                let known = provider.methods().contains(&method);
                assert_eq!(said != Err(Refused::Malformed("method")), known, "{provider:?}");
            }
        }
    }

    #[test]
    fn a_body_has_its_limit() {
        let body = vec![b'a'; MAX_BODY + 1];
        for provider in providers() {
            let method = provider.methods()[0];
            let read =
                |body| provider.read(&call(method, "https://a/x", &[], body, 0).call(), None);
            assert_eq!(read(&body), Err(Refused::Malformed("too long")), "{provider:?}");
            assert_ne!(read(&body[1..]), Err(Refused::Malformed("too long")), "{provider:?}");
        }
    }

    /// Whatever is asked, an empty call shows nothing.
    #[test]
    fn an_empty_call_says_nothing() {
        for provider in providers() {
            for method in provider.methods() {
                let said = provider.read(&call(method, "https://a/x", &[], b"", 0).call(), None);
                assert!(said.is_err(), "{provider:?}");
            }
        }
    }

    #[test]
    fn each_is_answered_as_it_wants() {
        let answers: Vec<_> = providers()
            .iter()
            .map(|p| (p.acknowledgement().status, p.acknowledgement().body.to_owned()))
            .collect();
        let none = (200, String::new());
        let expected = [
            (200, "<Response/>".to_owned()),
            none.clone(),
            none.clone(),
            none.clone(),
            none,
            (200, "ok".to_owned()),
        ];
        assert_eq!(answers, expected);
    }

    #[test]
    fn what_the_server_has_to_see_is_told() {
        let providers = providers();
        let call = call("POST", "https://a/x", &[], b"{}", 0);
        let signed = |p: &Provider| p.signing_certificate(&call.call()).is_some();
        let told: Vec<_> = providers
            .iter()
            .map(|p| (signed(p), p.requires_certificate(), p.addresses().len()))
            .collect();
        let none = (false, false, 0);
        assert_eq!(told, [none, none, none, none, (true, false, 0), (false, true, 1)]);
    }
}
