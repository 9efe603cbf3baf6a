//! A QR code as the path of an SVG, in units of a module.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

/// Modules of white that readers need around a code (ISO/IEC 18004).
const QUIET: i32 = 4;

/// A square to draw: the side of its view box, and the dark modules in it as path data.
pub(crate) struct Qr {
    pub(crate) side: i32,
    pub(crate) path: String,
}

/// Encodes `content`; `None` if it is longer than a code can hold.
///
/// A screen gets no stains, so the lowest correction that costs no larger code.
pub(crate) fn encode(content: &str) -> Option<Qr> {
    let code = QrCode::encode_text(content, QrCodeEcc::Low).ok()?;
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let run = (x..code.size()).take_while(|x| code.get_module(*x, y)).count();
            if run > 0 {
                // Writing into a string does not fail.
                let _ = write!(path, "M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET);
            }
            x += i32::try_from(run).unwrap_or(0).max(1);
        }
    }
    Some(Qr { side: code.size() + 2 * QUIET, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_much_is_no_code() {
        assert!(encode(&"a".repeat(2_900)).is_some());
        assert!(encode(&"a".repeat(3_000)).is_none());
    }
}
