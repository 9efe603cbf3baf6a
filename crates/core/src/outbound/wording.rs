//! What texts to phones say.
//!
//! The last line of a confirmation is for machines: `@host #digits`, by which Safari, iOS and Chrome offer
//! the digits where they belong and nowhere else (WICG, Origin-bound one-time codes, 3), and after it the
//! eleven characters by which Android hands the text to one app (SMS Retriever); what follows the digits
//! is ignored by the readers of the former.

use std::collections::BTreeMap;

use twinpath_wire::gsm::{fits_one_message, septets};

use crate::outbound::{ConfirmationCode, RevocationCode};

/// What SMS Retriever reads: 140 octets.
const RETRIEVER_SEPTETS: usize = 140;
/// Of a name that leaves no room, so many characters stay.
const SHORT: usize = 16;

/// Templates of confirmations for a platform that configures none, by BCP 47 language tag.
pub fn default_confirmations() -> BTreeMap<String, String> {
    templates([
        ("en", "{platform}: {code} lets {app} act for you. Never pass it on."),
        ("es", "{platform}: con {code} {app} puede actuar por usted. No lo comparta."),
        ("zh-CN", "{platform}: {app}验证码{code},切勿告诉他人"),
    ])
}

/// Templates of notices for a platform that configures none, by BCP 47 language tag.
pub fn default_notices() -> BTreeMap<String, String> {
    templates([
        ("en", "{platform}: {app} acts for you on a new device. Not you? Send back: {revoke}"),
        (
            "es",
            "{platform}: {app} ya puede actuar por usted. Si no ha sido usted, responda: {revoke}",
        ),
        ("zh-CN", "{platform}: {app}已在新设备登录.非本人操作请回复{revoke}"),
    ])
}

fn templates<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(language, template)| (language.to_owned(), template.to_owned())).into()
}

/// Who speaks, in which words.
#[derive(Clone, Copy, Debug)]
pub struct Wording<'a> {
    /// Templates by language.
    pub templates: &'a BTreeMap<String, String>,
    /// The platform's name.
    pub platform: &'a str,
    /// The app's name.
    pub app: &'a str,
    /// `ui_locales`.
    pub ui_locales: Option<&'a str>,
}

impl Wording<'_> {
    /// A confirmation: `host` is the issuer's, `app_hash` the eleven characters of the Android app.
    pub fn confirmation(
        &self,
        code: &ConfirmationCode,
        host: &str,
        app_hash: Option<&str>,
    ) -> String {
        let code = code.as_str();
        let hash = app_hash.map_or_else(String::new, |hash| format!(" {hash}"));
        let machines = format!("\n@{host} #{code}{hash}");
        let whole = |words: String| format!("{words}{machines}");
        let fits = |text: &str| {
            fits_one_message(text)
                && (app_hash.is_none() || septets(text).is_none_or(|n| n <= RETRIEVER_SEPTETS))
        };
        self.filled(("{code}", code)).map(whole).find(|text| fits(text)).unwrap_or_else(|| {
            let short = format!("{code}: never pass it on.{machines}");
            // Words alone, where the host is long.
            if fits_one_message(&short) { short } else { format!("{code}: never pass it on.") }
        })
    }

    /// A notice.
    pub fn notice(&self, code: &RevocationCode) -> String {
        let revoke = format!("REVOKE {}", code.as_str());
        let whole = self.filled(("{revoke}", &revoke)).find(|text| fits_one_message(text));
        whole.unwrap_or_else(|| revoke.clone())
    }

    /// Whether every template fits with the longest name.
    pub fn fits(template: &str, platform: &str, name: &str, placeholder: (&str, &str)) -> bool {
        fits_one_message(&fill(template, platform, name, placeholder))
    }

    /// In the languages that were asked for, then in English, then in any; with names whole, then cut.
    fn filled<'a>(&'a self, said: (&'a str, &'a str)) -> impl Iterator<Item = String> + 'a {
        let wanted = self.ui_locales.unwrap_or_default().split(' ').chain(["en"]);
        let chosen = wanted.filter_map(|locale| template_for(self.templates, locale));
        let all: Vec<_> = chosen.chain(self.templates.values()).collect();
        let short = |name: &str| name.chars().take(SHORT).collect::<String>();
        let names = [
            (self.platform.to_owned(), self.app.to_owned()),
            (short(self.platform), short(self.app)),
        ];
        names.into_iter().flat_map(move |(platform, app)| {
            let fill_in = move |template: &&String| fill(template, &platform, &app, said);
            all.clone().into_iter().map(move |template| fill_in(&template))
        })
    }
}

/// Placeholders are filled in one pass: a name that reads like one stays a name.
fn fill(template: &str, platform: &str, app: &str, (name, value): (&str, &str)) -> String {
    let mut text = String::with_capacity(160);
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let known = [("{platform}", platform), ("{app}", app), (name, value)];
        let found = known
            .into_iter()
            .find_map(|(name, value)| from.strip_prefix(name).map(|after| (value, after)));
        let (value, after) = found.unwrap_or_else(|| ("{", from.get(1..).unwrap_or_default()));
        text.push_str(value);
        rest = after;
    }
    text.push_str(rest);
    text
}

/// The template of a language tag, or of another of the same language (BCP 47).
fn template_for<'a>(templates: &'a BTreeMap<String, String>, locale: &str) -> Option<&'a String> {
    let primary = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_lowercase();
    let exact = templates.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(locale));
    let near = || templates.iter().find(|(tag, _)| primary(tag) == primary(locale));
    exact.or_else(near).map(|(_, template)| template)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::Digits;

    const HASH: &str = "FA+9qCX9VSu";

    fn wording<'a>(
        templates: &'a BTreeMap<String, String>,
        app: &'a str,
        ui_locales: Option<&'a str>,
    ) -> Wording<'a> {
        Wording { templates, platform: "id.example.com", app, ui_locales }
    }

    #[test]
    fn a_confirmation_is_read_by_people_and_by_both_systems() {
        let templates = default_confirmations();
        let code = Digits::of(42);
        let text =
            wording(&templates, "Weather", None).confirmation(&code, "id.example.com", Some(HASH));
        let (words, last) = text.rsplit_once('\n').unwrap();
        assert_eq!(last, "@id.example.com #00000042 FA+9qCX9VSu");
        assert_eq!(words, "id.example.com: 00000042 lets Weather act for you. Never pass it on.");
        assert!(septets(&text).unwrap() <= RETRIEVER_SEPTETS, "{text}");
        let plain = wording(&templates, "Weather", Some("fr es")).confirmation(&code, "a.b", None);
        assert!(plain.contains("No lo comparta.\n@a.b #00000042"), "{plain}");
    }

    #[test]
    fn whatever_the_names_it_is_one_message_with_its_digits() {
        let (confirmations, notices) = (default_confirmations(), default_notices());
        let long = ["x".repeat(40), "[".repeat(20), "天".repeat(11), "{code}{revoke}".to_owned()];
        for app in &long {
            for locale in ["en", "es", "zh", "de-CH", ""] {
                for host in ["id.example.com", &"a.".repeat(60), &"a.".repeat(120)] {
                    let wording = wording(&confirmations, app, Some(locale));
                    let text = wording.confirmation(&Digits::of(12_345_678), host, Some(HASH));
                    assert!(fits_one_message(&text) && text.contains("12345678"), "{text}");
                }
                let text = wording(&notices, app, Some(locale)).notice(&Digits::of(123_456));
                assert!(fits_one_message(&text) && text.contains("REVOKE 123456"), "{text}");
            }
        }
    }

    #[test]
    fn an_apps_name_is_no_template() {
        let templates = default_confirmations();
        let text = wording(&templates, "{code}{platform}", None);
        let text = text.confirmation(&Digits::of(1), "a.b", None);
        assert!(text.contains("lets {code}{platform} act"), "{text}");
    }

    #[test]
    fn defaults_of_latin_scripts_stay_in_the_gsm_alphabet() {
        for templates in [default_confirmations(), default_notices()] {
            for language in ["en", "es"] {
                assert!(septets(&templates[language]).is_some(), "{language}");
            }
        }
    }
}
