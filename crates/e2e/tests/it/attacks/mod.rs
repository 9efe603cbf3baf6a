//! Attacks on the code flow by name (RFC 9700 4): each is tried, is refused, and leaves the honest
//! sign-in as it was.

mod codes;
mod pages;
mod redirects;
mod tokens;

use twinpath_e2e::browser::{Browser, Form, parameter};
use twinpath_e2e::http::Answer;
use twinpath_e2e::rig::Rig;

use crate::authorize::{SignIn, sign_in};

/// All values of a parameter of a URL's query.
fn values(url: &str, name: &str) -> Vec<String> {
    let (_, query) = url.split_once('?').unwrap();
    let pairs = form_urlencoded::parse(query.as_bytes());
    pairs.filter(|(known, _)| known == name).map(|(_, value)| value.into_owned()).collect()
}

/// A sign-in in a browser of its own, up to its code.
async fn code_of(rig: &Rig, signing_in: &SignIn, from: &str) -> String {
    let browser = Browser::new(rig.platform.place.address);
    let location = sign_in(rig, &browser, &signing_in.url, from).await;
    parameter(&location, "code").unwrap_or_else(|| panic!("no code: {location}"))
}

/// The same request by the browser's form.
fn by_form(signing_in: &SignIn) -> Form {
    let (action, query) = signing_in.url.split_once('?').unwrap();
    let fields = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    Form { action: action.to_owned(), fields }
}

/// Told to the person, and leading nowhere.
#[track_caller]
fn leads_nowhere(answer: &Answer, what: &str) {
    assert_eq!((answer.status, answer.header("location")), (400, None), "{what}");
    assert_eq!(answer.header("refresh"), None, "{what}");
    let page = answer.text();
    assert!(!page.contains("evil.example") && !page.contains("http-equiv"), "{what}: {page}");
}
