//! Which language a person reads: OpenID Connect Core 3.1.2.1 `ui_locales`, then RFC 9110 12.5.4
//! `Accept-Language`, matched to the message files (BCP 47).

use std::cmp::Reverse;
use std::fmt;
use std::sync::LazyLock;

use crate::messages::Messages;

/// Preferences beyond this many are not read.
const PREFERENCES: usize = 32;
/// Longer tags are not languages (BCP 47 4.4.1).
const TAG_LENGTH: usize = 35;

const ENGLISH_FILE: &str = include_str!("../messages/en.txt");

static ENGLISH: LazyLock<Spoken> =
    LazyLock::new(|| Spoken { tag: "en", messages: Messages::read(ENGLISH_FILE, ENGLISH_FILE) });

static SPOKEN: LazyLock<Vec<Spoken>> = LazyLock::new(|| {
    let files: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/files.rs"));
    let read = |&(tag, file)| Spoken { tag, messages: Messages::read(file, ENGLISH_FILE) };
    files.iter().map(read).collect()
});

struct Spoken {
    tag: &'static str,
    messages: Messages,
}

/// One of the languages that have a message file.
#[derive(Clone, Copy)]
pub struct Language(&'static Spoken);

impl Language {
    /// All of them, ordered by tag.
    pub fn all() -> impl Iterator<Item = Self> {
        SPOKEN.iter().map(Self)
    }

    /// The best of them for `ui_locales` (tags, space separated, most wanted first), then for the
    /// header `Accept-Language`; English if none fits.
    ///
    /// A wrong script is taken only where nothing better is wanted: `zh-TW, en` reads English,
    /// `zh-TW` alone reads `zh-Hans`.
    pub fn choose(ui_locales: Option<&str>, accept_language: Option<&str>) -> Self {
        let mut wanted: Vec<&str> =
            ui_locales.unwrap_or("").split(' ').filter(is_tag).take(PREFERENCES).collect();
        wanted.extend(accepted(accept_language.unwrap_or("")));
        wanted
            .iter()
            .find_map(|tag| Self::nearest(tag, true))
            .or_else(|| wanted.iter().find_map(|tag| Self::nearest(tag, false)))
            .unwrap_or(Self(&ENGLISH))
    }

    /// Its BCP 47 tag, for the `lang` attribute and `Content-Language`.
    pub fn tag(self) -> &'static str {
        self.0.tag
    }

    /// `ltr` or `rtl`, for the `dir` attribute.
    pub fn direction(self) -> &'static str {
        self.messages().direction.as_str()
    }

    pub(crate) fn messages(self) -> &'static Messages {
        &self.0.messages
    }

    fn nearest(wanted: &str, same_script: bool) -> Option<Self> {
        Self::all()
            .filter(|language| is_same(first(language.tag()), first(wanted)))
            .filter(|language| !same_script || readable(language.tag(), wanted))
            .max_by_key(|language| {
                (in_common(language.tag(), wanted), Reverse(language.tag().len()))
            })
    }
}

impl PartialEq for Language {
    fn eq(&self, other: &Self) -> bool {
        self.tag() == other.tag()
    }
}

impl Eq for Language {}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Language({})", self.tag())
    }
}

/// Tags of an `Accept-Language` header, most wanted first; those with `q=0` or a wrong `q` are out.
fn accepted(header: &str) -> Vec<&str> {
    let mut ranges: Vec<(f32, &str)> = header
        .split(',')
        .take(PREFERENCES)
        .filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().filter(is_tag)?;
            let weight = match parts.find_map(|part| part.strip_prefix("q=")) {
                Some(q) => q.parse().ok()?,
                None => 1.0,
            };
            (weight > 0.0 && weight <= 1.0).then_some((weight, tag))
        })
        .collect();
    ranges.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranges.into_iter().map(|(_, tag)| tag).collect()
}

fn is_tag(tag: &&str) -> bool {
    (2..=TAG_LENGTH).contains(&tag.len())
        && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn is_same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

fn first(tag: &str) -> &str {
    tag.split('-').next().unwrap_or(tag)
}

fn in_common(a: &str, b: &str) -> usize {
    a.split('-').zip(b.split('-')).take_while(|(a, b)| is_same(a, b)).count()
}

fn readable(tag: &str, wanted: &str) -> bool {
    script(tag).zip(script(wanted)).is_none_or(|(a, b)| is_same(a, b))
}

/// The script that a tag names or, for Chinese, implies by its region.
fn script(tag: &str) -> Option<&str> {
    let named = tag
        .split('-')
        .skip(1)
        .find(|part| part.len() == 4 && part.bytes().all(|b| b.is_ascii_alphabetic()));
    let traditional = |part: &str| ["TW", "HK", "MO"].iter().any(|region| is_same(region, part));
    let implied =
        || (is_same(first(tag), "zh") && tag.split('-').skip(1).any(traditional)).then_some("Hant");
    named.or_else(implied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn chosen(ui_locales: &str, accept_language: &str, expected: &str) {
        let language = Language::choose(Some(ui_locales), Some(accept_language));
        assert_eq!(language.tag(), expected, "{ui_locales:?} {accept_language:?}");
    }

    #[test]
    fn nothing_usable_is_english() {
        assert_eq!(Language::choose(None, None).tag(), "en");
        for nonsense in ["", " ", "*", "xx", "tlh-Klgn", "e", "en\u{202e}", "../en", "<hi>"] {
            chosen(nonsense, nonsense, "en");
        }
    }

    #[test]
    fn ui_locales_come_first_and_in_order() {
        chosen("hi es", "zh-CN", "hi");
        chosen("fr es hi", "zh-CN", "es");
        chosen("fr", "fr, zh-CN;q=0.5", "zh-Hans");
    }

    #[test]
    fn weights_order_the_header() {
        chosen("", "es;q=0.2, hi;q=0.9, en;q=0.5", "hi");
        chosen("", "es;q=0.5,hi;q=0.5", "es");
        chosen("", "fr-CH, fr;q=0.9, hi;q=0, *;q=0.5", "en");
        chosen("", "es ; q=0.2 , hi", "hi");
    }

    #[test]
    fn wrong_weights_are_not_read() {
        for q in ["NaN", "inf", "2", "-1", "0", "", "x"] {
            chosen("", &format!("hi;q={q}"), "en");
        }
    }

    #[test]
    fn regions_and_scripts_find_their_file() {
        for tag in ["zh", "zh-CN", "zh-SG", "ZH-hans", "zh-Hans-CN", "zh-cmn-Hans-CN"] {
            chosen(tag, "", "zh-Hans");
        }
        chosen("es-419", "", "es");
        chosen("hi-Deva-IN-u-nu-latn", "", "hi");
        chosen("", "en-GB,en-US;q=0.9", "en");
    }

    #[test]
    fn another_script_is_the_last_resort() {
        chosen("zh-TW en", "", "en");
        chosen("zh-Hant-HK", "hi;q=0.1", "hi");
        chosen("zh-TW", "", "zh-Hans");
    }

    #[test]
    fn hostile_length_costs_nothing_and_finds_nothing() {
        let tail = format!("{}hi", "xx,".repeat(100_000));
        chosen("", &tail, "en");
        chosen(&format!("{}hi", "xx ".repeat(100_000)), "", "en");
        chosen(&format!("hi-{}", "a".repeat(100_000)), "", "en");
    }

    #[test]
    fn the_first_languages_are_there() {
        let tags: Vec<_> = Language::all().map(Language::tag).collect();
        for tag in ["en", "es", "hi", "zh-Hans"] {
            assert!(tags.contains(&tag), "{tags:?}");
        }
    }
}
