//! Fields of a call, within limits: parameters of forms and queries, members of JSON.

use crate::webhook::{DeliveryReceipt, DeliveryState, InboundText, Refused, Said};
use serde_json::Value;

/// Largest body of a call, in octets.
pub(crate) const MAX_BODY: usize = 65_536;
/// Longest text that is read, in octets: beyond it none holds a code.
pub(crate) const MAX_TEXT: usize = 2048;
const MAX_ID: usize = 256;
const MAX_NUMBER: usize = 40;
const MAX_PARAMETERS: usize = 200;

/// Parameters of a form or a query, in the order they came.
#[derive(Default)]
pub(crate) struct Parameters(pub(crate) Vec<(String, String)>);

impl Parameters {
    /// Of `application/x-www-form-urlencoded`. Refuses what is no UTF-8 rather than replace it:
    /// what is signed must be what is read.
    pub(crate) fn parse(octets: &[u8]) -> Result<Self, Refused> {
        let pairs = octets.split(|octet| *octet == b'&').filter(|pair| !pair.is_empty());
        let mut parameters = Vec::new();
        for pair in pairs {
            if parameters.len() == MAX_PARAMETERS {
                return Err(Refused::Malformed("too many parameters"));
            }
            let mut halves = pair.splitn(2, |octet| *octet == b'=');
            let name = unescaped(halves.next().unwrap_or_default())?;
            parameters.push((name, unescaped(halves.next().unwrap_or_default())?));
        }
        Ok(Self(parameters))
    }

    /// Those of a URL.
    pub(crate) fn of_url(url: &str) -> Result<Self, Refused> {
        let url = url.split('#').next().unwrap_or_default();
        Self::parse(url.split_once('?').map_or("", |(_, query)| query).as_bytes())
    }

    /// The members of a flat JSON object that are text or whole numbers, as SDKs read them.
    pub(crate) fn of_json(octets: &[u8]) -> Result<Self, Refused> {
        let Value::Object(members) = json(octets)? else {
            return Err(Refused::Malformed("not a JSON object"));
        };
        if members.len() > MAX_PARAMETERS {
            return Err(Refused::Malformed("too many parameters"));
        }
        let written = |(name, value)| scalar(&value).map(|value| (name, value));
        Ok(Self(members.into_iter().filter_map(written).collect()))
    }

    /// The parameter, unless it comes twice.
    pub(crate) fn one(&self, name: &str) -> Result<Option<&str>, Refused> {
        let mut values = self.0.iter().filter(|(other, _)| other == name);
        let value = values.next().map(|(_, value)| value.as_str());
        match values.next() {
            None => Ok(value),
            Some(_) => Err(Refused::Malformed("a parameter is repeated")),
        }
    }

    /// As [`Self::one`], when it must be there.
    pub(crate) fn must(&self, name: &str, missing: &'static str) -> Result<&str, Refused> {
        self.one(name)?.ok_or(Refused::Malformed(missing))
    }
}

/// Undoes `+` and `%41`; a `%` that starts no escape stays, as browsers do.
fn unescaped(octets: &[u8]) -> Result<String, Refused> {
    let hex = |digit: &u8| char::from(*digit).to_digit(16).and_then(|n| u8::try_from(n).ok());
    let mut plain = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let escape = match after {
            [high, low, after @ ..] if *first == b'%' => {
                hex(high).zip(hex(low)).map(|(high, low)| (high << 4 | low, after))
            }
            _ => None,
        };
        match escape {
            Some((octet, after)) => {
                plain.push(octet);
                rest = after;
            }
            None => plain.push(if *first == b'+' { b' ' } else { *first }),
        }
    }
    String::from_utf8(plain).map_err(|_| Refused::Malformed("not UTF-8"))
}

/// JSON, which is UTF-8 (RFC 8259 8.1).
pub(crate) fn json(octets: &[u8]) -> Result<Value, Refused> {
    let text = std::str::from_utf8(octets).map_err(|_| Refused::Malformed("not UTF-8"))?;
    serde_json::from_str(text).map_err(|_| Refused::Malformed("not JSON"))
}

/// The member at `a.b.0.c`.
pub(crate) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, step| match value {
        Value::Object(members) => members.get(step),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    })
}

/// The text at a path.
pub(crate) fn text_at<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    at(value, path)?.as_str()
}

/// A text, number or truth as it would stand in a form.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn bounded(value: &str, most: usize, what: &'static str) -> Result<String, Refused> {
    if value.is_empty() || value.len() > most || value.chars().any(char::is_control) {
        return Err(Refused::Malformed(what));
    }
    Ok(value.to_owned())
}

/// An identifier of the provider's.
pub(crate) fn identifier(value: &str) -> Result<String, Refused> {
    bounded(value, MAX_ID, "identifier")
}

/// A text within limits; `None` when it is too long to hold a code, which repeating does not mend.
pub(crate) fn inbound(
    id: Option<&str>,
    from: &str,
    to: Option<&str>,
    text: &str,
) -> Result<Option<InboundText>, Refused> {
    let id = id.map(identifier).transpose()?;
    let from = bounded(from, MAX_NUMBER, "sender")?;
    let to = to.map(|to| bounded(to, MAX_NUMBER, "recipient")).transpose()?;
    Ok((text.len() <= MAX_TEXT).then(|| InboundText { id, from, to, text: text.to_owned() }))
}

/// A call that says one text.
pub(crate) fn one_text(
    id: Option<&str>,
    from: &str,
    to: Option<&str>,
    text: &str,
) -> Result<Said, Refused> {
    let text = inbound(id, from, to, text)?;
    Ok(text.map_or(Said::Nothing("oversized"), |text| Said::Texts(vec![text])))
}

/// A receipt. An overlong code for why is cut: it only informs.
pub(crate) fn receipt(
    message_id: &str,
    state: DeliveryState,
    error: Option<&str>,
) -> Result<DeliveryReceipt, Refused> {
    let error = error.filter(|error| !error.is_empty());
    let error =
        error.map(|error| error.chars().filter(|c| !c.is_control()).take(MAX_NUMBER).collect());
    Ok(DeliveryReceipt { message_id: identifier(message_id)?, state, error })
}

/// A call that says one receipt.
pub(crate) fn one_receipt(
    message_id: &str,
    state: DeliveryState,
    error: Option<&str>,
) -> Result<Said, Refused> {
    Ok(Said::Receipts(vec![receipt(message_id, state, error)?]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_as_browsers_write_them() {
        let read = Parameters::parse(b"a=1+2&b=%C3%A9%2&&c&a=3").unwrap();
        let pairs: Vec<_> = read.0.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(pairs, [("a", "1 2"), ("b", "é%2"), ("c", ""), ("a", "3")]);
        assert_eq!(read.one("a"), Err(Refused::Malformed("a parameter is repeated")));
        assert_eq!(read.one("d"), Ok(None));
    }

    #[test]
    fn forms_have_limits_and_are_utf_8() {
        let refused = |octets: &[u8]| Parameters::parse(octets).err();
        assert_eq!(refused(b"a=%FF"), Some(Refused::Malformed("not UTF-8")));
        assert_eq!(refused(b"\xff=1"), Some(Refused::Malformed("not UTF-8")));
        let many = "a=1&".repeat(MAX_PARAMETERS + 1);
        assert_eq!(refused(many.as_bytes()), Some(Refused::Malformed("too many parameters")));
    }

    #[test]
    fn paths_reach_into_objects_and_arrays() {
        let value = serde_json::json!({"a": [{"b": "c"}], "a.0": 1});
        assert_eq!(text_at(&value, "a.0.b"), Some("c"));
        for no in ["a.1.b", "a.b", "a.0.b.c", "", "a.-1", "a.0"] {
            assert_eq!(text_at(&value, no), None, "{no}");
        }
    }

    #[test]
    fn texts_have_limits() {
        let long = "x".repeat(MAX_TEXT + 1);
        assert_eq!(one_text(None, "+1", None, &long), Ok(Said::Nothing("oversized")));
        let no = Err(Refused::Malformed("identifier"));
        assert_eq!(one_text(Some(&"x".repeat(257)), "+1", None, ""), no);
        assert_eq!(one_text(Some("a\0"), "+1", None, ""), no);
        assert_eq!(one_text(Some(""), "+1", None, ""), no);
        let sender = Err(Refused::Malformed("sender"));
        assert_eq!(one_text(None, &"1".repeat(41), None, ""), sender);
        let recipient = Err(Refused::Malformed("recipient"));
        assert_eq!(one_text(None, "1", Some(&"1".repeat(41)), ""), recipient);
    }
}
