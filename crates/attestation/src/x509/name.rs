//! Distinguished names (RFC 5280 4.1.2.4, 7.1).

use crate::der::{Element, Fault, Reader, Tag, dotted};

/// Attributes of one name that are read at most.
const ATTRIBUTES: usize = 32;

/// A name: attribute types and values in order.
#[derive(Clone, Debug)]
pub struct Name<'a> {
    attributes: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Name<'a> {
    /// Reads an `RDNSequence`.
    pub(super) fn parse(element: Element<'a>) -> Result<Self, Fault> {
        let mut attributes = Vec::new();
        for relative in element.open(Tag::SEQUENCE)?.all(ATTRIBUTES)? {
            for attribute in relative.open(Tag::SET)?.all(ATTRIBUTES)? {
                let mut pair: Reader<'a> = attribute.open(Tag::SEQUENCE)?;
                let kind = pair.expect(Tag::OID)?;
                let value = pair.element()?;
                pair.end()?;
                attributes.push((kind, value.contents));
            }
        }
        Ok(Self { attributes })
    }

    /// Whether two names are one: the kind of string, capitals and outer spaces do not count
    /// (RFC 5280 7.1), since issuers are copied by many hands. Trust rests on signatures.
    pub fn same(&self, other: &Self) -> bool {
        self.attributes.len() == other.attributes.len()
            && self
                .attributes
                .iter()
                .zip(&other.attributes)
                .all(|(left, right)| left.0 == right.0 && folded(left.1).eq(folded(right.1)))
    }

    /// Whether there is an attribute of this type.
    pub fn has(&self, kind: &[u8]) -> bool {
        self.attributes.iter().any(|attribute| attribute.0 == kind)
    }

    /// The values of a type, as text.
    pub fn values(&self, kind: &[u8]) -> impl Iterator<Item = String> {
        let of_kind = move |attribute: &&(&'a [u8], &'a [u8])| attribute.0 == kind;
        self.attributes.iter().filter(of_kind).map(|it| text(it.1))
    }

    /// Whether any value holds a word, whatever its capitals.
    pub fn mentions(&self, word: &str) -> bool {
        let word = word.to_ascii_lowercase();
        self.attributes.iter().any(|it| text(it.1).to_ascii_lowercase().contains(&word))
    }

    /// For people: `CN=..., O=...`.
    pub fn display(&self) -> String {
        let shown = |(kind, value): &(&[u8], &[u8])| format!("{}={}", label(kind), text(value));
        self.attributes.iter().map(shown).collect::<Vec<_>>().join(", ")
    }
}

fn folded(value: &[u8]) -> impl Iterator<Item = u8> {
    value.trim_ascii().iter().map(u8::to_ascii_lowercase)
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).chars().filter(|it| !it.is_control()).take(128).collect()
}

fn label(kind: &[u8]) -> String {
    match kind {
        [0x55, 4, 3] => "CN".to_owned(),
        [0x55, 4, 5] => "serialNumber".to_owned(),
        [0x55, 4, 6] => "C".to_owned(),
        [0x55, 4, 7] => "L".to_owned(),
        [0x55, 4, 8] => "ST".to_owned(),
        [0x55, 4, 10] => "O".to_owned(),
        [0x55, 4, 11] => "OU".to_owned(),
        [0x55, 4, 12] => "title".to_owned(),
        _ => dotted(kind),
    }
}
