//! A line for people about what is asked for, made of an app's own text: bounded, and without characters
//! that could make it look like something else.

use std::fmt::Write as _;

use serde_json::Value;

/// Most members that are shown.
const MAX_MEMBERS: usize = 6;
/// Most characters of a name or a value.
const MAX_SHOWN: usize = 48;

/// `title`, then the first members with their values, those within members too, and how many more there
/// are: what is left out must not look as if it were not there.
pub(super) fn line(title: &str, object: &Value) -> String {
    let mut members = Vec::new();
    if let Value::Object(own) = object {
        for (name, value) in own.iter().filter(|(name, _)| *name != "type") {
            gather(name, value, &mut members);
        }
    }
    let mut line = shown(title, 200);
    for (at, (name, value)) in members.iter().take(MAX_MEMBERS).enumerate() {
        let joint = if at == 0 { ":" } else { "," };
        // Writing into a string does not fail.
        let _ = write!(line, "{joint} {} {}", shown(name, MAX_SHOWN), shown(value, MAX_SHOWN));
    }
    let more = members.len().saturating_sub(MAX_MEMBERS);
    if more > 0 {
        let _ = write!(line, ", … (+{more})");
    }
    line
}

/// The scalars of a value, each under the name nearest to it.
fn gather(name: &str, value: &Value, members: &mut Vec<(String, String)>) {
    let mut push = |text: String| members.push((name.to_owned(), text));
    match value {
        Value::Null => {}
        Value::Bool(flag) => push(flag.to_string()),
        Value::Number(number) => push(number.to_string()),
        Value::String(text) => push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| gather(name, item, members)),
        Value::Object(own) => own.iter().for_each(|(name, value)| gather(name, value, members)),
    }
}

fn shown(text: &str, most: usize) -> String {
    let mut kept: String = text.chars().filter(|c| !c.is_control() && !hidden(*c)).collect();
    if let Some((end, _)) = kept.char_indices().nth(most) {
        kept.truncate(end);
        kept.push('…');
    }
    kept
}

/// Characters that are not seen, or turn around what stands beside them.
fn hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
