//! Owns the command identifiers of SMPP 3.4 (5.1.2.1) that this crate speaks.
//! Invariant: a response's code is its request's code with the top bit set.

/// The bit that tells a response from a request (SMPP 3.4 5.1.2).
const RESPONSE: u32 = 0x8000_0000;

macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// A command identifier (SMPP 3.4 5.1.2.1).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum CommandId { $($(#[$doc])* $name,)* }

        impl CommandId {
            /// Every command this crate knows.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code on the wire.
            pub const fn code(self) -> u32 {
                match self { $(Self::$name => $code,)* }
            }

            /// The command with this code, if it is one we speak.
            pub const fn from_code(code: u32) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }
        }
    };
}

commands! {
    /// SMPP 3.4 4.3.1.
    GenericNack = 0x8000_0000,
    /// SMPP 3.4 4.1.3.
    BindReceiver = 0x0000_0001,
    /// SMPP 3.4 4.1.4.
    BindReceiverResp = 0x8000_0001,
    /// SMPP 3.4 4.1.1.
    BindTransmitter = 0x0000_0002,
    /// SMPP 3.4 4.1.2.
    BindTransmitterResp = 0x8000_0002,
    /// SMPP 3.4 4.4.1.
    SubmitSm = 0x0000_0004,
    /// SMPP 3.4 4.4.2.
    SubmitSmResp = 0x8000_0004,
    /// SMPP 3.4 4.6.1.
    DeliverSm = 0x0000_0005,
    /// SMPP 3.4 4.6.2.
    DeliverSmResp = 0x8000_0005,
    /// SMPP 3.4 4.2.1.
    Unbind = 0x0000_0006,
    /// SMPP 3.4 4.2.2.
    UnbindResp = 0x8000_0006,
    /// SMPP 3.4 4.1.5.
    BindTransceiver = 0x0000_0009,
    /// SMPP 3.4 4.1.6.
    BindTransceiverResp = 0x8000_0009,
    /// SMPP 3.4 4.1.7.
    Outbind = 0x0000_000B,
    /// SMPP 3.4 4.11.1.
    EnquireLink = 0x0000_0015,
    /// SMPP 3.4 4.11.2.
    EnquireLinkResp = 0x8000_0015,
    /// SMPP 3.4 4.12.1.
    AlertNotification = 0x0000_0102,
    /// SMPP 3.4 4.7.1.
    DataSm = 0x0000_0103,
    /// SMPP 3.4 4.7.2.
    DataSmResp = 0x8000_0103,
}

impl CommandId {
    /// Whether this answers a request; `generic_nack` does.
    pub const fn is_response(self) -> bool {
        self.code() & RESPONSE != 0
    }

    /// The response that answers this request; none for `outbind` and `alert_notification`,
    /// which have no response, nor for responses.
    pub const fn response(self) -> Option<Self> {
        if self.is_response() { None } else { Self::from_code(self.code() | RESPONSE) }
    }
}

#[cfg(test)]
mod tests {
    use super::CommandId;

    #[test]
    fn codes_and_responses_agree() {
        for &command in CommandId::ALL {
            assert_eq!(CommandId::from_code(command.code()), Some(command));
            if let Some(response) = command.response() {
                assert!(response.is_response() && !command.is_response());
            }
        }
        assert_eq!(CommandId::Outbind.response(), None);
        assert_eq!(CommandId::AlertNotification.response(), None);
        assert_eq!(CommandId::DataSm.response(), Some(CommandId::DataSmResp));
    }
}
