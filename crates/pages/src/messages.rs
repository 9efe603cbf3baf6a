//! The words of the pages: one file for each language, `key = text` a line.
//!
//! A key is a field of [`Messages`], so a template cannot name one that does not exist, and the
//! compiler names one that nobody reads. That each file has all of them is tested.

use std::collections::BTreeMap;

use crate::hostile::{Html, NAME, clean};

/// A message in one language, perhaps with `{placeholders}`.
#[derive(Clone, Copy)]
pub(crate) struct Message(&'static str);

impl Message {
    pub(crate) fn as_str(self) -> &'static str {
        self.0
    }

    /// The message as markup, each `{name}` replaced by its foreign value.
    pub(crate) fn with(self, values: &[(&str, &str)]) -> Html {
        let mut html = Html::default();
        for piece in pieces(self.0) {
            html = match piece {
                Piece::Words(words) => html.text(words),
                Piece::Placeholder(name) => html.foreign(value(values, name), NAME),
            };
        }
        html
    }

    /// The message as plain text for a title or an attribute; values are isolated by Unicode's
    /// marks, as markup cannot be there (UAX 9, FSI and PDI).
    pub(crate) fn plain(self, values: &[(&str, &str)]) -> String {
        pieces(self.0)
            .map(|piece| match piece {
                Piece::Words(words) => words.to_owned(),
                Piece::Placeholder(name) => {
                    format!("\u{2068}{}\u{2069}", clean(value(values, name), NAME))
                }
            })
            .collect()
    }
}

impl std::fmt::Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

fn value<'a>(values: &[(&str, &'a str)], name: &str) -> &'a str {
    values.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
}

enum Piece<'a> {
    Words(&'a str),
    Placeholder(&'a str),
}

/// Splits at `{name}`; a brace without its partner is words.
fn pieces(message: &str) -> impl Iterator<Item = Piece<'_>> {
    message.split_inclusive('}').flat_map(|part| {
        let split = part.split_once('{').and_then(|(words, name)| {
            Some([Piece::Words(words), Piece::Placeholder(name.strip_suffix('}')?)])
        });
        split.unwrap_or([Piece::Words(part), Piece::Words("")])
    })
}

/// Lines of a message file as key and text; comments and empty lines are skipped.
fn lines(file: &str) -> impl Iterator<Item = (&str, &str)> {
    file.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(key, text)| (key.trim(), text.trim()))
}

macro_rules! messages {
    ($($key:ident)*) => {
        /// All messages in one language.
        #[deny(dead_code)]
        pub(crate) struct Messages { $(pub(crate) $key: Message,)* }

        impl Messages {
            /// Reads a file; what it lacks is taken from `english`.
            pub(crate) fn read(file: &'static str, english: &'static str) -> Self {
                let texts: BTreeMap<_, _> = lines(english).chain(lines(file)).collect();
                Self {
                    $($key: Message(texts.get(stringify!($key)).copied().unwrap_or_default()),)*
                }
            }

            #[cfg(test)]
            const KEYS: &[&str] = &[$(stringify!($key),)*];
        }
    };
}

messages! {
    direction nameless
    offered_by website privacy terms new_tab
    scopes_heading scopes_none scope_openid scope_phone scope_offline_access scope_unknown
    details_heading
    waiting_title send_button send_hint scan_heading scan_hint scan_other qr_label
    send_here warning status_waiting status_arrived status_offline
    status_minute time_left sent_button by_hand by_hand_number by_hand_text other_numbers cancel
    digits_title digits_warning digits_label digits_hint digits_wrong digits_malformed
    confirm_title confirm_number confirm_site confirm_computer confirm_app
    confirm_cancel go_on
    expired_title expired_text cancelled_title cancelled_text invalid_title invalid_text
    two_numbers_title two_numbers_text wrong_number_title wrong_number_text
    unreachable_title unreachable_text
    blocked_title blocked_text too_many_title too_many_text unavailable_title unavailable_text
    lost_title lost_text start_again back_to_app for_developers
    logout_title logout_app logout_text logout_button logout_stay
    logged_out_title logged_out_text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

    fn placeholders(text: &str) -> BTreeSet<&str> {
        pieces(text)
            .filter_map(|piece| match piece {
                Piece::Placeholder(name) => Some(name),
                Piece::Words(_) => None,
            })
            .collect()
    }

    #[test]
    fn every_file_has_every_key_once_and_no_other() {
        for (tag, file) in FILES {
            let mut found: Vec<_> = lines(file).map(|(key, _)| key).collect();
            let mut expected = Messages::KEYS.to_vec();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "messages/{tag}.txt");
        }
    }

    #[test]
    fn every_line_is_a_message_a_comment_or_empty() {
        for (tag, file) in FILES {
            let strange =
                |line: &&str| !line.is_empty() && !line.starts_with('#') && !line.contains(" = ");
            assert_eq!(file.lines().find(strange), None, "messages/{tag}.txt");
            assert!(lines(file).all(|(_, text)| !text.is_empty()), "messages/{tag}.txt");
        }
    }

    #[test]
    fn translations_keep_the_placeholders() {
        let english: BTreeMap<_, _> = lines(include_str!("../messages/en.txt")).collect();
        for (tag, file) in FILES {
            for (key, text) in lines(file) {
                let (found, expected) = (placeholders(text), placeholders(english[key]));
                assert_eq!(found, expected, "messages/{tag}.txt: {key}");
                let braces = text.matches(['{', '}']).count();
                assert_eq!(braces, 2 * found.len(), "messages/{tag}.txt: {key}");
            }
        }
    }

    #[test]
    fn translations_are_translated() {
        // The same word in two languages, truly.
        const ALIKE: &[(&str, &str)] = &[];
        let english: BTreeMap<_, _> = lines(include_str!("../messages/en.txt")).collect();
        for (tag, file) in FILES.iter().filter(|(tag, _)| !tag.starts_with("en")) {
            for (key, text) in lines(file).filter(|(key, _)| *key != "direction") {
                assert!(
                    text != english[key] || ALIKE.contains(&(tag, key)),
                    "messages/{tag}.txt: {key} is still English"
                );
            }
        }
    }

    #[test]
    fn directions_are_those_of_html() {
        for (tag, file) in FILES {
            let direction = lines(file).find(|(key, _)| *key == "direction").unwrap().1;
            assert!(["ltr", "rtl"].contains(&direction), "messages/{tag}.txt");
        }
    }

    #[test]
    fn values_are_put_in_as_text() {
        let message = Message("To {app} & {site}!");
        let values = [("app", "<b>{site}"), ("site", "x")];
        assert_eq!(
            message.with(&values).to_string(),
            "To <bdi>&#60;b&#62;{site}</bdi> &#38; <bdi>x</bdi>!"
        );
        assert_eq!(message.plain(&values), "To \u{2068}<b>{site}\u{2069} & \u{2068}x\u{2069}!");
    }

    #[test]
    fn a_lacking_message_is_english() {
        let other = Messages::read("go_on = Los", "cancel = Cancel\ngo_on = Go on");
        assert_eq!((other.go_on.as_str(), other.cancel.as_str()), ("Los", "Cancel"));
    }
}
