//! Owns the command statuses of SMPP 3.4 (5.1.3): what an answer says about its request.

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $code:literal $text:literal,)*) => {
        /// A command status (SMPP 3.4 5.1.3). Codes this crate has no name for survive in `Other`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum CommandStatus {
            $($(#[$doc])* $name,)*
            /// A code without a name here: reserved, or the operator's own (0x400-0x4FF).
            Other(u32),
        }

        impl CommandStatus {
            /// The code on the wire.
            pub const fn code(self) -> u32 {
                match self { $(Self::$name => $code,)* Self::Other(code) => code }
            }

            /// The status with this code; never `Other` for a code that has a name.
            pub const fn from_code(code: u32) -> Self {
                match code { $($code => Self::$name,)* other => Self::Other(other) }
            }

            /// The specification's name, a stable label.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* Self::Other(_) => "other" }
            }
        }
    };
}

statuses! {
    /// No error.
    Ok = 0x00 "ESME_ROK",
    /// The message length is invalid.
    InvalidMessageLength = 0x01 "ESME_RINVMSGLEN",
    /// The command length is invalid.
    InvalidCommandLength = 0x02 "ESME_RINVCMDLEN",
    /// The command identifier is invalid.
    InvalidCommandId = 0x03 "ESME_RINVCMDID",
    /// The command does not fit the bind state.
    InvalidBindState = 0x04 "ESME_RINVBNDSTS",
    /// The ESME is already bound.
    AlreadyBound = 0x05 "ESME_RALYBND",
    /// A system error.
    SystemError = 0x08 "ESME_RSYSERR",
    /// The source address is invalid.
    InvalidSource = 0x0A "ESME_RINVSRCADR",
    /// The destination address is invalid.
    InvalidDestination = 0x0B "ESME_RINVDSTADR",
    /// The bind failed.
    BindFailed = 0x0D "ESME_RBINDFAIL",
    /// The password is wrong.
    InvalidPassword = 0x0E "ESME_RINVPASWD",
    /// The `system_id` is unknown.
    InvalidSystemId = 0x0F "ESME_RINVSYSID",
    /// The message queue is full: send it again later.
    QueueFull = 0x14 "ESME_RMSGQFUL",
    /// Submitting failed.
    SubmitFailed = 0x45 "ESME_RSUBMITFAIL",
    /// The allowed rate is exceeded: send it again, slower.
    Throttled = 0x58 "ESME_RTHROTTLED",
    /// The receiving application has a temporary error: send it again later.
    TemporaryApplicationError = 0x64 "ESME_RX_T_APPN",
    /// The receiving application refuses for good: do not send it again.
    PermanentApplicationError = 0x65 "ESME_RX_P_APPN",
    /// The receiving application rejects the message.
    RejectedByApplication = 0x66 "ESME_RX_R_APPN",
    /// The optional part of the body is malformed.
    InvalidOptionalPart = 0xC0 "ESME_RINVOPTPARSTREAM",
    /// A parameter's length is invalid.
    InvalidParameterLength = 0xC2 "ESME_RINVPARLEN",
    /// An unspecified error.
    Unknown = 0xFF "ESME_RUNKNOWNERR",
}

impl CommandStatus {
    /// `ESME_ROK`.
    pub const fn is_ok(self) -> bool {
        matches!(self, Self::Ok)
    }

    /// Whether the sender is asked to slow down and try again.
    pub const fn is_throttle(self) -> bool {
        matches!(self, Self::Throttled | Self::QueueFull)
    }

    /// Whether a bind was refused for what it said of itself: asking again soon cannot help.
    pub const fn is_refused_credentials(self) -> bool {
        matches!(self, Self::InvalidPassword | Self::InvalidSystemId | Self::BindFailed)
    }
}

#[cfg(test)]
mod tests {
    use super::CommandStatus;

    #[test]
    fn every_code_survives() {
        for code in 0..=0x500 {
            assert_eq!(CommandStatus::from_code(code).code(), code);
        }
        assert_eq!(CommandStatus::from_code(0x64).as_str(), "ESME_RX_T_APPN");
    }
}
