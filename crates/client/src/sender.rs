//! The phone, as the SDK sees it: something that sends a text and asks its user.

use std::{error, fmt, future::Future};

use crate::core::{Confirmation, Text};

/// The phone did not do what was asked, in its own words.
#[derive(Debug)]
pub struct SenderError(Box<dyn error::Error + Send + Sync>);

impl SenderError {
    /// Wraps the phone's own error or a sentence.
    pub fn new(cause: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Display for SenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl error::Error for SenderError {}

/// The first sender: takes the text to the mobile network (PROTOCOL 13, 14).
///
/// On iOS it opens `MFMessageComposeViewController`, on Android `ACTION_SENDTO`; elsewhere it shows
/// the text, or its `sms:` link as a QR code.
pub trait TextSender: Sync {
    /// Sends `text.body` to one of `text.to`. Returning means that the phone took it.
    fn send(&self, text: &Text) -> impl Future<Output = Result<(), SenderError>> + Send;

    /// The text did not arrive for a minute: a phone may have made it RCS or iMessage. Offer to
    /// send it as SMS. Called at most once, and awaited; by default nothing happens.
    fn overdue(&self, text: &Text) -> impl Future<Output = ()> + Send {
        let _ = text;
        async {}
    }

    /// The eight digits that the platform texted to the number (PROTOCOL 6). By default refused,
    /// which ends the authorization.
    fn confirmation_code(
        &self,
        confirmation: &Confirmation,
    ) -> impl Future<Output = Result<String, SenderError>> + Send {
        let _ = confirmation;
        async { Err(SenderError::new("this app does not ask for confirmation codes")) }
    }
}

/// Prints the text, for apps without a phone.
#[derive(Clone, Copy, Debug, Default)]
pub struct PrintSender;

impl TextSender for PrintSender {
    async fn send(&self, text: &Text) -> Result<(), SenderError> {
        println!("Send this text from your phone to {}:", text.to.join(" or "));
        println!("  {}", text.body);
        println!("As a link: {}", text.sms_uri);
        Ok(())
    }

    async fn overdue(&self, text: &Text) {
        println!("The text did not arrive. Send it as SMS, not RCS or iMessage:");
        println!("  {}", text.body);
    }
}
