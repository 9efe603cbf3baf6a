//! The human words of a first message (PROTOCOL 3): what keeps a victim from sending an attacker's
//! code under a lure.

use std::collections::BTreeMap;

use core::fmt;

use unicode_normalization::UnicodeNormalization as _;

use crate::{code::Code, gsm};

/// Words reduced to what is compared: NFKC, case folded, letters and digits only.
///
/// `Debug` does not show them: the text may be a user's own.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Words(String);

impl Words {
    /// The reduced text, for a keyed hash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the text held no letter and no digit.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Words({} bytes)", self.0.len())
    }
}

/// The text does not go into one message (PROTOCOL 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is longer than one message: 160 septets, or 70 characters outside GSM 03.38")]
pub struct TooLong;

/// Reduces a text to its [`Words`].
pub fn normalize(text: &str) -> Words {
    // Upper and then lower case is full case folding for all that phrases hold: it joins "ß" with
    // "SS" and the two small sigmas, which lower case alone does not.
    let folded = text.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    Words(folded.nfkc().filter(|c| c.is_alphanumeric()).collect())
}

/// Puts an app's registered name into a template.
pub fn fill(template: &str, app_name: &str) -> String {
    template.replace("{app}", app_name)
}

/// The text that a phone sends: the words, a space, the code.
pub fn compose(template: &str, app_name: &str, code: &Code) -> Result<String, TooLong> {
    let text = format!("{} {code}", fill(template, app_name));
    if gsm::fits_one_message(&text) { Ok(text) } else { Err(TooLong) }
}

/// Templates for a platform that configures none, by BCP 47 language tag.
///
/// Outside the GSM alphabet 24 characters remain for words and app name, so those are terse; a
/// client whose app has a longer name falls back to `en`.
pub fn default_phrases() -> BTreeMap<String, String> {
    [
        ("en", "{app} sign-in. Send only from inside the app."),
        ("es", "{app} - acceso. Enviar solo desde dentro de la app."),
        ("hi", "{app} ऐप से ही भेजें"),
        ("zh-CN", "{app} 登录. 仅从应用内发送."),
    ]
    .map(|(language, template)| (language.to_owned(), template.to_owned()))
    .into()
}

/// Templates for texts that a page of the platform shows, by BCP 47 language tag: words of their own,
/// so that a text made for an app is good for nothing at a page, nor the other way round. Those outside
/// the GSM alphabet leave room for the longest name that an app may have there.
pub fn page_phrases() -> BTreeMap<String, String> {
    [
        ("en", "{app} sign-in. Send only if you started it."),
        ("es", "{app} - acceso. Enviar solo si lo ha pedido usted."),
        ("hi", "{app} खुद ही भेजें"),
        ("zh-Hans", "{app} 登录. 仅本人操作发送"),
    ]
    .map(|(language, template)| (language.to_owned(), template.to_owned()))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::read_message;

    #[test]
    fn reduces_to_letters_and_digits() {
        assert_eq!(normalize("  Weather sign-in!\u{200b} ").as_str(), "weathersignin");
        assert_eq!(normalize("STRASSE ΣΟΦΟΣ"), normalize("straße σοφος"));
        assert_eq!(normalize("\u{ff37}\u{ff45}b\u{2460}"), normalize("web1"));
        assert_eq!(normalize("e\u{301}"), normalize("É"));
        assert!(normalize(" .-! ").is_empty());
        assert_eq!(format!("{:?}", normalize("secret")), "Words(6 bytes)");
    }

    #[test]
    fn defaults_fit_and_read_back() {
        let code = Code::from_bytes([0xff; 20]);
        for (language, template) in default_phrases() {
            let text = compose(&template, "Weather", &code).expect(&language);
            let message = read_message(&text).expect(&language);
            assert_eq!(message.code, code);
            assert_eq!(message.words, normalize(&fill(&template, "Weather")));
            let plain = |c: char| {
                c.is_alphanumeric() || " .-{}".contains(c) || gsm::septets(&template).is_none()
            };
            assert!(template.chars().all(plain), "{language}");
        }
    }

    #[test]
    fn every_name_an_app_may_have_fits_a_page_in_some_language() {
        let code = Code::from_bytes([0xff; 20]);
        let fits =
            |language: &str, name: &str| compose(&page_phrases()[language], name, &code).is_ok();
        for (language, template) in page_phrases() {
            assert!(fits(&language, "Weather"), "{language}");
            let plain = |c: char| c.is_alphanumeric() || " .-{}".contains(c);
            assert!(gsm::septets(&template).is_none() || template.chars().all(plain));
        }
        for name in ["x".repeat(40), "[".repeat(20)] {
            assert!(fits("en", &name) && fits("es", &name), "{name}");
        }
        let longest = "天".repeat(11);
        assert!(fits("zh-Hans", &longest) && fits("hi", &longest));
    }

    #[test]
    fn refuses_what_needs_two_messages() {
        let code = Code::from_bytes([0; 20]);
        assert!(compose("{app}", &"a".repeat(114), &code).is_ok());
        assert_eq!(compose("{app}", &"a".repeat(115), &code), Err(TooLong));
        assert!(compose("{app}", &"登".repeat(24), &code).is_ok());
        assert_eq!(compose("{app}", &"登".repeat(25), &code), Err(TooLong));
    }
}
