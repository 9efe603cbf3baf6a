//! `[[sms.smpp]]`: TLS to the message centre, and texts to phones.

use std::num::NonZeroU32;
use std::time::Duration;

use twinpath_smpp::esme::TlsFiles;
use twinpath_smpp::pdu::Address;
use twinpath_smpp::text::ReceiptIds;

use crate::config::check::within;
use crate::config::load::refuse;
use crate::config::{ConfigError, file};

/// How a bind submits texts to phones.
#[derive(Clone, Debug)]
pub struct Submits {
    /// Texts that may wait for their answers at the same time.
    pub window: usize,
    /// Texts a second; any number if there is none.
    pub rate_per_s: Option<NonZeroU32>,
    /// Whom they are from; empty leaves that to the message centre.
    pub source: Address,
    /// For how long the network tries to deliver them.
    pub validity: Duration,
    /// How receipts name them.
    pub receipt_ids: ReceiptIds,
}

/// An alphanumeric sender's characters at most (3GPP TS 23.040 9.1.2.5).
const ALPHANUMERIC: usize = 11;

impl file::Smpp {
    pub(super) fn tls_files(
        &self,
        key: &dyn Fn(&str) -> String,
    ) -> Result<Option<TlsFiles>, ConfigError> {
        let identity = match (&self.tls_certificate_file, &self.tls_key_file) {
            (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
            (None, None) => None,
            (Some(_), None) => return refuse(format!("{} is missing", key("tls_key_file"))),
            (None, Some(_)) => {
                return refuse(format!("{} is missing", key("tls_certificate_file")));
            }
        };
        let files = TlsFiles {
            ca: self.tls_ca_file.clone(),
            identity,
            server_name: self.tls_server_name.clone(),
        };
        if !self.tls {
            // What is set up for TLS must never go in the clear.
            if files != TlsFiles::default() {
                return refuse(format!("{} must be true with the other keys of TLS", key("tls")));
            }
            return Ok(None);
        }
        let address = self.address.as_deref().unwrap_or_default();
        match files.check(address) {
            Ok(()) => Ok(Some(files)),
            Err(error) => refuse(format!("{}: {error}", key("tls"))),
        }
    }

    pub(super) fn submits(&self, key: &dyn Fn(&str) -> String) -> Result<Submits, ConfigError> {
        let window = within(self.submit_window, &key("submit_window"), 10, 1, 1000)?;
        let rate = within(self.rate_per_s, &key("rate_per_s"), 0, 0, 100_000)?;
        let validity = within(self.validity_s, &key("validity_s"), 3600, 60, 604_800)?;
        Ok(Submits {
            window: usize::try_from(window).unwrap_or(1),
            rate_per_s: NonZeroU32::new(rate),
            source: self.source(key)?,
            validity: Duration::from_secs(validity.into()),
            receipt_ids: match self.receipt_ids.unwrap_or_default() {
                file::ReceiptIds::AsIs => ReceiptIds::AsIs,
                file::ReceiptIds::Hex => ReceiptIds::Hexadecimal,
                file::ReceiptIds::Decimal => ReceiptIds::Decimal,
            },
        })
    }

    fn source(&self, key: &dyn Fn(&str) -> String) -> Result<Address, ConfigError> {
        let Some(sender) = &self.sender else {
            let first = self.numbers.first().and_then(|number| source(number));
            return Ok(first.unwrap_or_default());
        };
        source(sender).map_or_else(
            || {
                refuse(format!(
                    "{}: {sender:?} must be +digits, the digits of a short code, or 1 to \
                     {ALPHANUMERIC} letters, digits, spaces and - _ . & with a letter among them",
                    key("sender")
                ))
            },
            Ok,
        )
    }
}

/// An address and its type by its form (SMPP 3.4 5.2.5): international, network specific (a short
/// code), alphanumeric.
fn source(text: &str) -> Option<Address> {
    let number = text.strip_prefix('+');
    let digits = number.unwrap_or(text);
    let address = |ton, npi, text: &str| Some(Address::new(ton, npi, text.as_bytes().to_vec()));
    if !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return match (number, digits.len()) {
            (Some(_), 7..=15) => address(1, 1, digits),
            (None, 2..=15) => address(3, 0, digits),
            _ => None,
        };
    }
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b" -_.&".contains(&octet);
    let named = text.bytes().any(|octet| octet.is_ascii_alphabetic());
    let fits = text.len() <= ALPHANUMERIC && text.bytes().all(plain) && named;
    if fits { address(5, 0, text) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(lines: &str) -> file::Smpp {
        toml::from_str(&format!("address = \"127.0.0.1:2775\"\n{lines}")).unwrap()
    }

    fn key(name: &str) -> String {
        format!("sms.smpp.0.{name}")
    }

    fn fault(lines: &str) -> String {
        let bind = bind(lines);
        let fault = bind.tls_files(&key).err().or_else(|| bind.submits(&key).err());
        fault.map(|error| error.0).unwrap_or_default()
    }

    #[test]
    fn keys_of_tls_need_tls_and_files_that_can_be_used() {
        for (lines, why) in [
            ("tls_ca_file = \"/dev/null\"", "sms.smpp.0.tls must be true"),
            ("tls_server_name = \"a.example\"", "sms.smpp.0.tls must be true"),
            ("tls_certificate_file = \"/a\"", "sms.smpp.0.tls_key_file is missing"),
            ("tls = true\ntls_key_file = \"/a\"", "sms.smpp.0.tls_certificate_file is missing"),
            ("tls = true\ntls_ca_file = \"/nonexistent\"", "sms.smpp.0.tls: /nonexistent"),
            ("tls = true\ntls_ca_file = \"/dev/null\"", "not a PEM file of certificates"),
        ] {
            let fault = fault(lines);
            assert!(fault.contains(why), "{lines}: {fault}");
        }
        assert_eq!(bind("").tls_files(&key).unwrap(), None);
    }

    #[test]
    fn a_sender_has_its_type_by_its_form() {
        for (sender, expected) in [
            ("+447911123456", Some((1, 1, "447911123456"))),
            ("88222", Some((3, 0, "88222"))),
            ("Weather Co.", Some((5, 0, "Weather Co."))),
            ("4U", Some((5, 0, "4U"))),
            ("+123", None),
            ("1", None),
            ("+1234567890123456", None),
            ("", None),
            ("-", None),
            ("Weather Comp", None),
            ("Caf\u{e9}", None),
            ("a\\u0000", None),
        ] {
            let expected = expected.map(|(ton, npi, text)| Address::new(ton, npi, text));
            assert_eq!(source(sender), expected, "{sender}");
        }
        assert_eq!(bind("numbers = [\"88222\"]").submits(&key).unwrap().source.ton, 3);
        assert!(bind("").submits(&key).unwrap().source.octets.is_empty());
        assert!(fault("sender = \"Weather Company\"").contains("sms.smpp.0.sender"));
        assert!(fault("validity_s = 1").contains("sms.smpp.0.validity_s"));
        assert!(fault("submit_window = 0").contains("sms.smpp.0.submit_window"));
    }

    #[test]
    fn what_is_not_said_is_modest() {
        let submits = bind("").submits(&key).unwrap();
        assert_eq!((submits.window, submits.rate_per_s), (10, None));
        assert_eq!((submits.validity.as_secs(), submits.receipt_ids), (3600, ReceiptIds::AsIs));
        let submits = bind("rate_per_s = 5\nreceipt_ids = \"hex\"").submits(&key).unwrap();
        assert_eq!(submits.rate_per_s, NonZeroU32::new(5));
        assert_eq!(submits.receipt_ids, ReceiptIds::Hexadecimal);
    }
}
