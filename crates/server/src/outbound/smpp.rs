//! Texts to phones over a bind.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;
use twinpath_core::number::{E164, SenderPolicy};
use twinpath_smpp::esme::{Answer, Esme, SendError};
use twinpath_smpp::pdu::{Address, CommandStatus, SubmitSm};
use twinpath_smpp::session::RequestError;
use twinpath_smpp::text::{DefaultAlphabet, ReceiptIds, encode_for};

use crate::config::Bind;
use crate::outbound::{Attempt, Attempting, OutboundText, TextSender};

/// How long a text may wait for the window, its turn, and its answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// A bind that transmits.
#[derive(Debug)]
pub struct BindSender {
    name: String,
    /// Whoever runs the bind ends it: a sender does not keep it.
    esme: Weak<Esme>,
    senders: SenderPolicy,
    source: Address,
    validity: Bytes,
    alphabet: DefaultAlphabet,
    receipt_ids: ReceiptIds,
}

impl BindSender {
    /// Over this bind, as it is configured.
    pub fn new(bind: &Bind, esme: &Arc<Esme>) -> Self {
        Self {
            name: esme.name().to_owned(),
            esme: Arc::downgrade(esme),
            senders: bind.route.senders.clone(),
            source: bind.submits.source.clone(),
            validity: relative(bind.submits.validity).into(),
            alphabet: bind.default_alphabet,
            receipt_ids: bind.submits.receipt_ids,
        }
    }

    async fn submit(&self, text: &OutboundText) -> Attempt {
        let encoded = encode_for(&text.body, self.alphabet);
        if !encoded.fits_one {
            return Attempt::Permanent("too_long");
        }
        let digits = text.to.as_str().trim_start_matches('+').as_bytes().to_vec();
        let (source, to) = (self.source.clone(), Address::international(digits));
        let message = SubmitSm {
            validity_period: self.validity.clone(),
            registered_delivery: 1,
            ..SubmitSm::new(source, to, encoded.data_coding, encoded.octets)
        };
        let Some(esme) = self.esme.upgrade() else { return Attempt::Temporary("not_bound") };
        match timeout(PATIENCE, esme.submit(message)).await {
            Ok(Ok(answer)) => self.outcome(&answer),
            Ok(Err(error)) => unanswered(error),
            Err(_) => Attempt::Unknown("no_answer"),
        }
    }

    fn outcome(&self, answer: &Answer) -> Attempt {
        if !answer.status.is_ok() {
            return refused(answer.status);
        }
        let id = answer.message_id.as_deref().and_then(|id| std::str::from_utf8(id).ok());
        let id = id.filter(|id| !id.is_empty()).map(|id| self.receipt_ids.of_response(id));
        Attempt::Accepted { message_id: id }
    }
}

impl TextSender for BindSender {
    fn name(&self) -> &str {
        &self.name
    }

    fn up(&self) -> bool {
        self.esme.upgrade().is_some_and(|esme| esme.takes_submits())
    }

    fn serves(&self, to: &E164) -> bool {
        self.senders.carries(None, Some(to))
    }

    fn send<'a>(&'a self, text: &'a OutboundText) -> Attempting<'a> {
        Box::pin(self.submit(text))
    }
}

fn unanswered(error: SendError) -> Attempt {
    match error {
        SendError::NotBound | SendError::Request(RequestError::NotBound) => {
            Attempt::Temporary("not_bound")
        }
        SendError::Paused => Attempt::Temporary("paused"),
        SendError::Request(RequestError::WindowFull) => Attempt::Temporary("window"),
        SendError::Request(RequestError::NotAllowed) => Attempt::Permanent("not_allowed"),
        SendError::Request(RequestError::Encode(_)) => Attempt::Permanent("not_encodable"),
        SendError::Lost => Attempt::Unknown("session_ended"),
        SendError::TimedOut => Attempt::Unknown("no_answer"),
    }
}

/// What a refusal means (SMPP 3.4 5.1.3). A code that is not in the table is permanent: nothing says that
/// it would pass, and each attempt may cost.
fn refused(status: CommandStatus) -> Attempt {
    match status.code() {
        // RINVBNDSTS: the session is not bound over there.
        0x04 => Attempt::Temporary("not_bound"),
        // RSYSERR, RUNKNOWNERR
        0x08 | 0xFF => Attempt::Temporary("system_error"),
        // RMSGQFUL
        0x14 => Attempt::Temporary("queue_full"),
        // RSUBMITFAIL, RDELIVERYFAILURE
        0x45 | 0xFE => Attempt::Temporary("submit_failed"),
        // RTHROTTLED
        0x58 => Attempt::Temporary("throttled"),
        // RX_T_APPN
        0x64 => Attempt::Temporary("temporary_error"),
        // RINVMSGLEN
        0x01 => Attempt::Permanent("message_length"),
        // RINVSRCADR, RINVSRCTON, RINVSRCNPI
        0x0A | 0x48 | 0x49 => Attempt::Permanent("source_address"),
        // RINVDSTADR, RINVNUMDESTS, RINVDLNAME, RINVDESTFLAG, RINVDSTTON, RINVDSTNPI
        0x0B | 0x33 | 0x34 | 0x40 | 0x50 | 0x51 => Attempt::Permanent("destination_address"),
        // RINVSCHED, RINVEXPIRY
        0x61 | 0x62 => Attempt::Permanent("validity"),
        // RX_P_APPN
        0x65 => Attempt::Permanent("permanent_error"),
        // RX_R_APPN
        0x66 => Attempt::Permanent("rejected"),
        _ => Attempt::Permanent("refused"),
    }
}

/// A time from now as `validity_period` has it: `YYMMDDhhmmss000R` (SMPP 3.4 7.1.1.2).
fn relative(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    format!("0000{:02}{hours:02}{minutes:02}{seconds:02}000R", days.min(99))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_validity_is_relative_and_of_sixteen_characters() {
        for (seconds, written) in [
            (3600, "000000010000000R"),
            (90_061, "000001010101000R"),
            (604_800, "000007000000000R"),
        ] {
            assert_eq!(relative(Duration::from_secs(seconds)), written);
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let temporary = [0x04, 0x08, 0x14, 0x45, 0x58, 0x64, 0xFE, 0xFF];
        for code in 1..=0x500 {
            let attempt = refused(CommandStatus::from_code(code));
            let expected = temporary.contains(&code);
            assert_eq!(matches!(attempt, Attempt::Temporary(_)), expected, "{code:#x}");
            assert_eq!(matches!(attempt, Attempt::Permanent(_)), !expected, "{code:#x}");
        }
    }

    #[test]
    fn what_may_have_arrived_is_not_called_unsent() {
        assert_eq!(unanswered(SendError::Lost), Attempt::Unknown("session_ended"));
        assert_eq!(unanswered(SendError::TimedOut), Attempt::Unknown("no_answer"));
        assert_eq!(unanswered(SendError::Paused), Attempt::Temporary("paused"));
        assert_eq!(unanswered(SendError::NotBound), Attempt::Temporary("not_bound"));
        let full = SendError::Request(RequestError::WindowFull);
        assert_eq!(unanswered(full), Attempt::Temporary("window"));
    }
}
