//! A reader of HTML that takes nothing but what it would itself write: every element is closed,
//! every attribute is quoted and said once, every `<` and `&` in text is escaped.

use std::collections::BTreeMap;

const VOID: [&str; 4] = ["meta", "link", "input", "br"];

/// An element with what is in it.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    /// Its own and its children's text, unescaped.
    pub(crate) text: String,
    /// The names of the elements around it, the outermost first.
    pub(crate) path: Vec<String>,
    /// Its children, theirs, and so on, by their places among all elements.
    pub(crate) within: Vec<usize>,
}

impl Element {
    pub(crate) fn is(&self, attribute: &str, value: &str) -> bool {
        self.attributes.get(attribute).is_some_and(|v| v == value)
    }

    #[track_caller]
    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }
}

/// All elements in their order. Panics if the page is not strictly well formed.
pub(crate) fn read(page: &str) -> Vec<Element> {
    let mut rest = page.strip_prefix("<!doctype html>\n").expect("a doctype");
    let mut elements: Vec<Element> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    while let Some((text, markup)) = rest.split_once('<') {
        let text = unescape(text);
        for i in &open {
            elements[*i].text.push_str(&text);
        }
        if let Some(closing) = markup.strip_prefix('/') {
            let (name, after) = closing.split_once('>').expect("an end of a tag");
            let last = open.pop().expect("an open element");
            assert_eq!(elements[last].name, name, "closed in the wrong order");
            rest = after;
            continue;
        }
        let (mut element, after) = tag(markup);
        element.path = open.iter().map(|i| elements[*i].name.clone()).collect();
        let index = elements.len();
        for i in &open {
            elements[*i].within.push(index);
        }
        if !VOID.contains(&&*element.name) {
            open.push(index);
        }
        elements.push(element);
        rest = after;
    }
    assert_eq!((open.len(), rest.trim()), (0, ""), "unclosed, or text after the end");
    elements
}

fn tag(markup: &str) -> (Element, &str) {
    let end = markup.find([' ', '>']).expect("an end of a name");
    let (name, mut rest) = markup.split_at(end);
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    assert!(!name.is_empty() && name.chars().all(fine), "a strange element {name:?}");
    let mut element = Element { name: name.to_owned(), ..Element::default() };
    loop {
        if let Some(after) = rest.strip_prefix('>') {
            return (element, after);
        }
        let spaced = rest.strip_prefix(' ').unwrap_or_else(|| panic!("no space in <{name}"));
        let end = spaced.find(['=', ' ', '>']).expect("an end of an attribute");
        let (attribute, after) = spaced.split_at(end);
        let fine = |c: char| c.is_ascii_alphabetic() || c == '-';
        assert!(!attribute.is_empty() && attribute.chars().all(fine), "{attribute:?} in <{name}");
        let value = after.strip_prefix("=\"").map(|v| v.split_once('"').expect("a quote"));
        let (value, after) = value.unwrap_or(("", after));
        assert!(!value.contains('<'), "a tag in {attribute}");
        let earlier = element.attributes.insert(attribute.to_owned(), unescape(value));
        assert_eq!(earlier, None, "{attribute} said twice in <{name}");
        rest = after;
    }
}

/// Text without its character references; panics at an ampersand that begins none, and at `>`.
fn unescape(text: &str) -> String {
    assert!(!text.contains('>'), "an unescaped > in {text:?}");
    let mut parts = text.split('&');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, after) =
            part.strip_prefix('#').and_then(|p| p.split_once(';')).expect("a reference");
        plain.push(char::from_u32(number.parse().expect("a number")).expect("a character"));
        plain.push_str(after);
    }
    plain
}
