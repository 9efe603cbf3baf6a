//! Where a person types the code that a device shows (RFC 8628 3.3). With the code, the page is
//! [`Waiting`](super::Waiting).

use askama::Template;

use super::{Frame, PostForm, Shell, page};
use crate::messages::Messages;

/// Asks for the code of a device.
#[derive(Clone, Debug)]
pub struct DeviceEntry {
    /// Takes [`USER_CODE_FIELD`](crate::USER_CODE_FIELD).
    pub form: PostForm,
    /// Whether a code was typed and is not known, or no longer.
    pub refused: bool,
}

#[derive(Template)]
#[template(path = "device.html")]
struct DevicePage<'a> {
    shell: Shell,
    t: &'static Messages,
    view: &'a DeviceEntry,
}

impl DeviceEntry {
    /// The page as HTML.
    pub fn render(&self, frame: &Frame<'_>) -> String {
        let t = frame.language.messages();
        page(&DevicePage { shell: Shell::new(frame, t.entry_title, &[]), t, view: self })
    }
}
