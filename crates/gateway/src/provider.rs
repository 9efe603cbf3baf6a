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
