//! The texts and receipts of a described provider's call.

use super::{Description, Fields, Format, Receipts, TextEncoding};
use crate::fields::{Parameters, at, inbound, json, receipt, scalar};
use crate::proof::{from_hex, near, rfc3339};
use crate::webhook::{Call, DeliveryReceipt, DeliveryState, InboundText, MAX_TEXTS, Refused, Said};
use serde_json::Value;

/// Where one text's fields are looked up.
enum Source<'a> {
    Parameters(&'a Parameters),
    Json { item: &'a Value, whole: &'a Value },
}

impl Source<'_> {
    fn field(&self, name: &str) -> Result<Option<String>, Refused> {
        match self {
            Self::Parameters(parameters) => Ok(parameters.one(name)?.map(str::to_owned)),
            Self::Json { item, .. } => Ok(at(item, name).and_then(scalar)),
        }
    }

    fn optional(&self, name: Option<&String>) -> Result<Option<String>, Refused> {
        Ok(name.map(|name| self.field(name)).transpose()?.flatten().filter(|v| !v.is_empty()))
    }

    /// In the item, else in the whole call.
    fn anywhere(&self, name: &str) -> Result<Option<String>, Refused> {
        match self {
            Self::Json { item, whole } => {
                Ok(at(item, name).or_else(|| at(whole, name)).and_then(scalar))
            }
            Self::Parameters(_) => self.field(name),
        }
    }
}

/// What one item came to, or why it is neither.
type Read = Result<Item, &'static str>;

enum Item {
    Text(InboundText),
    Receipt(DeliveryReceipt),
}

impl Description {
    pub(super) fn said(&self, call: &Call<'_>) -> Result<Said, Refused> {
        let parameters = match self.format {
            Format::Form => Parameters::parse(call.body)?,
            Format::Query => Parameters::of_url(call.url)?,
            Format::Json => return self.items(&json(call.body)?, call.now),
        };
        gathered(std::iter::once(self.one(&Source::Parameters(&parameters), call.now)))
    }

    fn items(&self, whole: &Value, now: i64) -> Result<Said, Refused> {
        let items = match &self.items {
            None => std::slice::from_ref(whole),
            Some(path) => {
                let items = at(whole, path).and_then(Value::as_array);
                items.ok_or(Refused::Malformed("items"))?.as_slice()
            }
        };
        if items.len() > MAX_TEXTS {
            return Err(Refused::Malformed("too many texts"));
        }
        gathered(items.iter().map(|item| self.one(&Source::Json { item, whole }, now)))
    }

    fn one(&self, source: &Source<'_>, now: i64) -> Result<Read, Refused> {
        if let Some(receipts) = &self.receipts
            && let Some(receipt) = receipts.read(source)?
        {
            return Ok(Ok(Item::Receipt(receipt)));
        }
        for (name, value) in &self.only {
            if source.anywhere(name)?.as_ref() != Some(value) {
                return Ok(Err("only"));
            }
        }
        self.timely(source, now)?;
        let Fields { id, from, to, .. } = &self.fields;
        let from = source.field(from)?.ok_or(Refused::Malformed("fields.from"))?;
        let (id, to) = (source.optional(id.as_ref())?, source.optional(to.as_ref())?);
        if self.fields.id.is_some() && id.is_none() {
            return Err(Refused::Malformed("fields.id"));
        }
        let Some(text) = self.text(source)? else { return Ok(Err("coding")) };
        let text = inbound(id.as_deref(), &from, to.as_deref(), &text)?;
        Ok(text.map(Item::Text).ok_or("oversized"))
    }

    fn timely(&self, source: &Source<'_>, now: i64) -> Result<(), Refused> {
        let (Some(name), Some(window_s)) = (&self.fields.timestamp, self.window_s) else {
            return Ok(());
        };
        let written = source.field(name)?.ok_or(Refused::Malformed("fields.timestamp"))?;
        let at = match written.parse::<i64>() {
            // Seconds stay below this until the year 5138.
            Ok(number) if number.unsigned_abs() < 100_000_000_000 => Some(number),
            Ok(milliseconds) => Some(milliseconds / 1000),
            Err(_) => rfc3339(&written),
        };
        near(now, at.ok_or(Refused::Malformed("fields.timestamp"))?, i64::from(window_s))
    }

    /// The text; `None` under a coding that holds none.
    fn text(&self, source: &Source<'_>) -> Result<Option<String>, Refused> {
        let plain = || source.field(&self.fields.text)?.ok_or(Refused::Malformed("fields.text"));
        match self.text_encoding {
            TextEncoding::Plain => plain().map(Some),
            TextEncoding::HexUcs2 => ucs2(&plain()?).map(Some),
            TextEncoding::ByCoding => {
                let coding = source.optional(self.fields.coding.as_ref())?;
                match coding.as_deref().unwrap_or("0") {
                    "0" | "1" | "3" => plain().map(Some),
                    "2" | "8" => match source.optional(self.fields.binary.as_ref())? {
                        Some(binary) => ucs2(&binary).map(Some),
                        None => plain().map(Some),
                    },
                    _ => Ok(None),
                }
            }
        }
    }
}

impl Receipts {
    /// A receipt, if this is one.
    fn read(&self, source: &Source<'_>) -> Result<Option<DeliveryReceipt>, Refused> {
        for (name, value) in &self.only {
            if source.anywhere(name)?.as_ref() != Some(value) {
                return Ok(None);
            }
        }
        let (id, status) = (source.optional(Some(&self.id))?, source.optional(Some(&self.status))?);
        let (Some(id), Some(status)) = (id, status) else { return Ok(None) };
        let error = source.optional(self.error.as_ref())?;
        receipt(&id, self.state(&status), error.as_deref()).map(Some)
    }

    fn state(&self, status: &str) -> DeliveryState {
        let lists = [
            (&self.delivered, DeliveryState::Delivered),
            (&self.failed, DeliveryState::Failed),
            (&self.expired, DeliveryState::Expired),
            (&self.rejected, DeliveryState::Rejected),
        ];
        let named = lists.into_iter().find(|(words, _)| words.iter().any(|word| word == status));
        named.map_or(DeliveryState::Pending, |(_, state)| state)
    }
}

/// The texts that can be read, else the receipts. One that cannot must not hold up the others: the
/// provider would send all of them again and again.
fn gathered(read: impl Iterator<Item = Result<Read, Refused>>) -> Result<Said, Refused> {
    let (mut texts, mut receipts, mut left, mut refused) = (Vec::new(), Vec::new(), "empty", None);
    for one in read {
        match one {
            Ok(Ok(Item::Text(text))) => texts.push(text),
            Ok(Ok(Item::Receipt(receipt))) => receipts.push(receipt),
            Ok(Err(why)) => left = why,
            Err(why) => refused = Some(why),
        }
    }
    match refused {
        _ if !texts.is_empty() => Ok(Said::Texts(texts)),
        _ if !receipts.is_empty() => Ok(Said::Receipts(receipts)),
        Some(why) => Err(why),
        None => Ok(Said::Nothing(left)),
    }
}

/// UTF-16, big endian, in hex.
fn ucs2(hex: &str) -> Result<String, Refused> {
    let no = Refused::Malformed("fields.text is no UTF-16 in hex");
    let octets = from_hex(hex).ok_or(no)?;
    let pairs = octets.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err(no);
    }
    let units = pairs.filter_map(|pair| <[u8; 2]>::try_from(pair).ok().map(u16::from_be_bytes));
    char::decode_utf16(units).collect::<Result<_, _>>().map_err(|_| no)
}
