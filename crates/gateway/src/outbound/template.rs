//! Text with places for a message's values: `{to}`, `{to_digits}`, `{from}`, `{from_digits}`,
//! `{text}`, `{reference}`, `{secret.name}`.

use crate::generic::Secrets;
use crate::proof::Flaw;
use std::collections::BTreeSet;

/// What fills the places.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) to: &'a str,
    pub(super) from: &'a str,
    pub(super) text: &'a str,
    pub(super) reference: &'a str,
    pub(super) secrets: &'a Secrets,
}

impl<'a> Values<'a> {
    fn value(&self, place: &str) -> Option<&'a str> {
        Some(match place {
            "to" => self.to,
            "to_digits" => self.to.trim_start_matches('+'),
            "from" => self.from,
            "from_digits" => self.from.trim_start_matches('+'),
            "text" => self.text,
            "reference" => self.reference,
            _ => {
                let secret = self.secrets.get(place.strip_prefix("secret.")?)?;
                std::str::from_utf8(secret.bytes()).ok()?
            }
        })
    }
}

/// The template with its places filled, each value written by `write`. Braces that hold no place
/// stay, which [`check`] refuses beforehand.
pub(super) fn filled(template: &str, values: &Values<'_>, write: fn(&str) -> String) -> String {
    let mut whole = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        whole.push_str(before);
        let place = after.split_once('}');
        if let Some((value, after)) =
            place.and_then(|(place, after)| Some((values.value(place)?, after)))
        {
            whole.push_str(&write(value));
            rest = after;
        } else {
            whole.push('{');
            rest = after;
        }
    }
    whole + rest
}

/// Whether every brace is a place; notes the places it has.
pub(super) fn check(
    template: &str,
    key: &str,
    secrets: &Secrets,
    places: &mut BTreeSet<String>,
) -> Result<(), Flaw> {
    let no = || {
        Flaw::new(
            key,
            "has a brace that is no {to}, {from}, {text}, {reference}, {secret.<name>}, {to_digits}, {from_digits}",
        )
    };
    let values = Values { to: "", from: "", text: "", reference: "", secrets };
    let mut rest = template;
    while let Some((_, after)) = rest.split_once('{') {
        let (place, after) = after.split_once('}').ok_or_else(no)?;
        if let Some(name) =
            place.strip_prefix("secret.").filter(|name| !secrets.contains_key(*name))
        {
            return Err(Flaw::new(format!("secrets.{name}"), "is missing"));
        }
        values.value(place).ok_or_else(no)?;
        places.insert(place.to_owned());
        rest = after;
    }
    Ok(())
}
