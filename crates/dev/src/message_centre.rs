//! The operator's message centre (SMSC), played by this process: real SMPP 3.4 over TCP, to which
//! the platform binds as it would to an operator's.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use twinpath_core::number::E164;
use twinpath_smpp::centre::{Centre, CentreConfig, SendError};
use twinpath_smpp::pdu::{Address, Bind, CommandStatus, DeliverSm};
use twinpath_smpp::text::{self, gsm};

use crate::{DevError, ports, random};

/// Whom the platform binds as.
pub(crate) const SYSTEM_ID: &str = "twinpath";

/// How long the platform may take to bind.
const BIND_TIME: Duration = Duration::from_secs(10);
/// How long the sessions may take to end.
const STOP_TIME: Duration = Duration::from_secs(1);

const STEP: &str = "start the message centre";

/// A running message centre.
#[derive(Debug)]
pub(crate) struct MessageCentre {
    centre: Centre,
    password: String,
}

/// What became of a text on its way to the platform.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    /// The platform's answer, SMPP's own word for it.
    pub(crate) status: CommandStatus,
    /// From the first octet to the platform's answer.
    pub(crate) took: Duration,
}

/// A text as it leaves a phone: a `deliver_sm`.
#[derive(Debug)]
pub(crate) struct PhoneText {
    message: DeliverSm,
    /// How it travels: alphabet and size.
    pub(crate) encoding: String,
}

impl PhoneText {
    /// Writes a text, if it goes into one message.
    pub(crate) fn new(from: &E164, to: &str, body: &str) -> Result<Self, NotDelivered> {
        let encoded = text::encode(body);
        if body.trim().is_empty() {
            return Err(NotDelivered::Empty);
        }
        if !encoded.fits_one {
            return Err(NotDelivered::TooLong);
        }
        let encoding = describe(body, encoded.data_coding);
        let message = DeliverSm::new(
            Address::international(digits(from.as_str())),
            Address::international(digits(to)),
            encoded.data_coding,
            encoded.octets,
        );
        Ok(Self { message, encoding })
    }
}

/// Why a text was not carried.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotDelivered {
    #[error("The text is empty.")]
    Empty,
    #[error("The text is longer than one SMS: at most 160 GSM characters, or 70 of others.")]
    TooLong,
    #[error("The message centre could not deliver the text: {0}.")]
    Send(#[from] SendError),
}

impl MessageCentre {
    /// Listens at `port`, or at a free one, and grants one bind: the platform's.
    pub(crate) async fn start(port: u16) -> Result<Self, DevError> {
        let password = random::text::<16>()?;
        let expected = password.clone();
        let start = |listen| {
            let mut config = CentreConfig::new(listen);
            "simulator".clone_into(&mut config.system_id);
            config.session.drain = STOP_TIME;
            let expected = expected.clone();
            Centre::start(config, move |bind| authorize(bind, &expected))
        };
        let advice = "another program may hold the port: choose another SMPP port";
        // Texts to phones would come by the second half; nobody reads them here.
        let (centre, _) =
            ports::free(port, start).await.map_err(DevError::at::<io::Error>(STEP, advice))?;
        Ok(Self { centre, password })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.centre.address()
    }

    /// What the platform binds with.
    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// Waits for the platform's bind.
    pub(crate) async fn bound(&self) -> Result<(), DevError> {
        let bound = self.centre.bound_until(|esmes| esmes.iter().any(|esme| esme.mode.receives()));
        let advice = "run again with TWINPATH_LOG=debug and look at what the bind says";
        timeout(BIND_TIME, bound).await.map_err(|_| {
            let reason = "the platform did not bind within 10 s";
            DevError::new("bind the platform to the message centre", advice, reason)
        })
    }

    /// Carries one text from a phone to the platform and waits for its answer.
    pub(crate) async fn carry(&self, text: PhoneText) -> Result<Delivered, NotDelivered> {
        let begun = Instant::now();
        let status = self.centre.deliver(text.message).await?;
        Ok(Delivered { status, took: begun.elapsed() })
    }

    /// Unbinds and closes.
    pub(crate) async fn shutdown(self) {
        let _ = timeout(STOP_TIME, self.centre.shutdown()).await;
    }
}

fn authorize(bind: &Bind, password: &str) -> CommandStatus {
    if bind.system_id != SYSTEM_ID {
        CommandStatus::InvalidSystemId
    } else if bind.password != password {
        CommandStatus::InvalidPassword
    } else {
        CommandStatus::Ok
    }
}

fn digits(number: &str) -> Vec<u8> {
    number.trim_start_matches('+').as_bytes().to_vec()
}

fn describe(body: &str, data_coding: u8) -> String {
    match gsm::count(body) {
        Some(septets) if data_coding == 0 => format!("GSM 7-bit, {septets} of 160 characters"),
        _ => format!("UCS-2, {} of 70 characters", body.encode_utf16().count()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_described_as_they_travel() {
        let of = |body| describe(body, text::encode(body).data_coding);
        assert_eq!(of("Weather"), "GSM 7-bit, 7 of 160 characters");
        assert_eq!(of("天气"), "UCS-2, 2 of 70 characters");
    }
}
