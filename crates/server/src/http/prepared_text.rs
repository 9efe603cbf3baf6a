//! The text to send, prepared for apps that show it themselves (PROTOCOL 4, RFC 5724).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use twinpath_pages::text::sms_uri;
use twinpath_wire::code::Code;
use twinpath_wire::phrase::compose;

/// What a person sends, and where to.
#[derive(Debug)]
pub(super) struct PreparedText {
    numbers: Vec<String>,
    body: String,
}

impl PreparedText {
    /// The code with the words of an app, from `templates` by language, in the first of `ui_locales`
    /// there is, or English.
    pub(super) fn new(
        numbers: Vec<String>,
        templates: &BTreeMap<String, String>,
        (app_name, code): (&str, &Code),
        ui_locales: Option<&str>,
    ) -> Self {
        let wanted = ui_locales.unwrap_or_default().split(' ').chain(["en"]);
        let chosen = wanted.filter_map(|locale| template_for(templates, locale));
        // A long name leaves no room for the words of every script.
        let body = chosen.chain(templates.values()).find_map(|it| compose(it, app_name, code).ok());
        let body = body.unwrap_or_else(|| code.to_string());
        Self { numbers, body }
    }

    /// What it says.
    pub(super) fn body(&self) -> &str {
        &self.body
    }

    /// With the names of PROTOCOL 4.
    pub(super) fn members(&self) -> Map<String, Value> {
        let uri = self.numbers.iter().find_map(|number| sms_uri(number, &self.body));
        let mut members = Map::new();
        members.insert("sms_to".to_owned(), json!(self.numbers));
        members.insert("sms_body".to_owned(), json!(self.body));
        members.extend(uri.map(|uri| ("sms_uri".to_owned(), json!(uri))));
        members
    }
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
    use twinpath_wire::phrase::default_phrases;

    fn body(name: &str, ui_locales: Option<&str>) -> String {
        let code = Code::from_bytes([7; 20]);
        let numbers = vec!["+8610690001".to_owned()];
        let prepared = PreparedText::new(numbers, &default_phrases(), (name, &code), ui_locales);
        let members = prepared.members();
        assert_eq!(members["sms_to"], json!(["+8610690001"]));
        let uri = members["sms_uri"].as_str().unwrap();
        assert!(uri.starts_with("sms:+8610690001?body="), "{uri}");
        let body = members["sms_body"].as_str().unwrap();
        assert!(body.ends_with(&code.to_string()), "{body}");
        body.to_owned()
    }

    #[test]
    fn words_are_in_the_first_language_there_is() {
        assert!(body("Weather", None).starts_with("Weather sign-in."));
        assert!(body("Weather", Some("fr xx")).starts_with("Weather sign-in."));
        assert!(body("Weather", Some("fr ES-mx en")).starts_with("Weather - acceso."));
        assert!(body("Weather", Some("zh-Hans")).starts_with("Weather 登录"));
        // Too long for a text outside the GSM alphabet.
        let long = "A name of thirty-eight characters, yes";
        assert!(body(long, Some("zh")).starts_with(&format!("{long} sign-in.")));
    }
}
