//! Owns what one bind is configured with.

use std::{num::NonZeroU32, time::Duration};

use bytes::Bytes;

use crate::{
    pdu::{Bind, BindMode, INTERFACE_VERSION},
    session::SessionConfig,
    text::DefaultAlphabet,
};

use super::{BackoffConfig, TlsFiles};

/// One bind to an operator's message centre.
#[derive(Clone)]
pub struct EsmeConfig {
    /// What logs and counters call it.
    pub name: String,
    /// Host and port of the message centre.
    pub address: String,
    /// With it, TLS to the message centre.
    pub tls: Option<TlsFiles>,
    /// Who we are there.
    pub system_id: String,
    /// Our password there.
    pub password: String,
    /// What kind of system we are, where the operator asks.
    pub system_type: String,
    /// Which bind.
    pub mode: BindMode,
    /// Type of number of `address_range`.
    pub addr_ton: u8,
    /// Numbering plan of `address_range`.
    pub addr_npi: u8,
    /// The numbers we serve, where the operator asks.
    pub address_range: String,
    /// What `data_coding` 0 means there.
    pub default_alphabet: DefaultAlphabet,
    /// Timers and windows.
    pub session: SessionConfig,
    /// Messages submitted a second, evenly spaced; any number if there is none.
    pub rate_per_s: Option<NonZeroU32>,
    /// How long connecting may take, TLS included.
    pub connect_timeout: Duration,
    /// Pauses between attempts.
    pub backoff: BackoffConfig,
    /// Seeds the pauses' jitter: different for each bind and start.
    pub seed: u64,
}

impl EsmeConfig {
    /// A transceiver with everything else at its default.
    pub fn new(name: &str, address: &str, system_id: &str, password: &str) -> Self {
        Self {
            name: name.to_owned(),
            address: address.to_owned(),
            tls: None,
            system_id: system_id.to_owned(),
            password: password.to_owned(),
            system_type: String::new(),
            mode: BindMode::Transceiver,
            addr_ton: 0,
            addr_npi: 0,
            address_range: String::new(),
            default_alphabet: DefaultAlphabet::default(),
            session: SessionConfig::default(),
            rate_per_s: None,
            connect_timeout: Duration::from_secs(10),
            backoff: BackoffConfig::default(),
            seed: 0,
        }
    }

    /// The request this binds with.
    pub fn bind(&self) -> Bind {
        let octets = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        Bind {
            mode: self.mode,
            system_id: octets(&self.system_id),
            password: octets(&self.password),
            system_type: octets(&self.system_type),
            interface_version: INTERFACE_VERSION,
            addr_ton: self.addr_ton,
            addr_npi: self.addr_npi,
            address_range: octets(&self.address_range),
        }
    }
}

/// Never shows the password.
impl std::fmt::Debug for EsmeConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EsmeConfig")
            .field("name", &self.name)
            .field("address", &self.address)
            .field("system_id", &self.system_id)
            .field("mode", &self.mode)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
