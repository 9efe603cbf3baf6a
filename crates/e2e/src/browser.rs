//! A browser as far as a sign-in needs one: cookies kept, redirects shown, forms sent as they stand in
//! the page. What only a real one does is tested with a real one.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;

use crate::http::{self, Answer, Request};

/// One person's browser at one platform.
pub struct Browser {
    address: SocketAddr,
    cookies: Mutex<BTreeMap<String, String>>,
}

/// A form of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Where it goes.
    pub action: String,
    /// Its hidden fields.
    pub fields: Vec<(String, String)>,
}

impl Browser {
    /// Without cookies.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, cookies: Mutex::default() }
    }

    /// Another window: the same cookies, from now on apart.
    #[must_use]
    pub fn copy(&self) -> Self {
        let cookies = Mutex::new(self.cookies.lock().unwrap().clone());
        Self { address: self.address, cookies }
    }

    /// What it keeps under this name.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(name).cloned()
    }

    /// Forgets one.
    pub fn forget(&self, name: &str) {
        self.cookies.lock().unwrap().remove(name);
    }

    /// Puts one, as an attacker would.
    pub fn plant(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }

    /// Loads a URL or path of the platform; shows a redirect, does not follow it.
    pub async fn get(&self, url: &str) -> Answer {
        self.send(Request::new("GET", path_of(url))).await
    }

    /// Loads a URL and follows redirects as long as they stay at the platform. The last answer, and the
    /// path it is at.
    pub async fn open(&self, url: &str) -> (Answer, String) {
        let mut at = path_of(url).to_owned();
        for _ in 0..5 {
            let answer = self.get(&at).await;
            let own = format!("http://{}/", self.address);
            let here = |to: &&str| to.starts_with(&own) || to.starts_with('/');
            match answer.header("location").filter(here) {
                Some(location) => path_of(location).clone_into(&mut at),
                None => return (answer, at),
            }
        }
        panic!("redirects without end: {at}");
    }

    /// Sends a form as our own page would.
    pub async fn submit(&self, form: &Form) -> Answer {
        let origin = format!("http://{}", self.address);
        let headers = [("Origin", origin.as_str()), ("Sec-Fetch-Site", "same-origin")];
        self.submit_with(form, &headers).await
    }

    /// Sends a form with these headers.
    pub async fn submit_with(&self, form: &Form, headers: &[(&str, &str)]) -> Answer {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(&form.fields);
        let mut request = Request::new("POST", path_of(&form.action))
            .header("Content-Type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.body = body.finish().into_bytes();
        self.send(request).await
    }

    /// All that it keeps, as `name=value`.
    pub fn cookies(&self) -> Vec<String> {
        let cookies = self.cookies.lock().unwrap();
        cookies.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    async fn send(&self, mut request: Request) -> Answer {
        let pairs = self.cookies();
        if !pairs.is_empty() {
            request = request.header("Cookie", &pairs.join("; "));
        }
        let answer = http::send(self.address, &request).await;
        let mut cookies = self.cookies.lock().unwrap();
        for (_, line) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').expect("a cookie has a value");
            if attributes.contains("Max-Age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

/// A URL without scheme and host.
fn path_of(url: &str) -> &str {
    match url.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/').unwrap_or(rest.len())..],
        None => url,
    }
}

/// The value of an attribute in one tag.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!("{name}=\""))? + name.len() + 2;
    let value = &tag[start..];
    let value = &value[..value.find('"')?];
    let plain = value.replace("&#38;", "&").replace("&amp;", "&").replace("&#34;", "\"");
    Some(plain.replace("&#39;", "'").replace("&#60;", "<").replace("&#62;", ">"))
}

/// The forms of a page that are posted.
pub fn forms(page: &str) -> Vec<Form> {
    let parts = page.split("<form").skip(1);
    let forms = parts.filter_map(|part| {
        let whole = &part[..part.find("</form>")?];
        let (tag, inner) = whole.split_once('>')?;
        (attribute(tag, "method")? == "post").then(|| Form {
            action: attribute(tag, "action").expect("an action"),
            fields: inner
                .split("<input")
                .skip(1)
                .filter(|input| input.contains("type=\"hidden\""))
                .filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?)))
                .collect(),
        })
    });
    forms.collect()
}

/// The form of a page whose action ends so.
#[track_caller]
pub fn form(page: &str, action: &str) -> Form {
    let found = forms(page).into_iter().find(|form| form.action.ends_with(action));
    found.unwrap_or_else(|| panic!("no form {action} in {page}"))
}

/// The text that a page wants sent, from its `sms:` link.
#[track_caller]
pub fn text_to_send(page: &str) -> String {
    let link = page.split("href=\"sms:").nth(1).unwrap_or_else(|| panic!("no link in {page}"));
    let link = &link[..link.find('"').unwrap()];
    let body = link.split_once("body=").unwrap().1.replace("&#38;", "&");
    let query = format!("b={body}");
    form_urlencoded::parse(query.as_bytes()).next().unwrap().1.into_owned()
}

/// One parameter of a URL's query.
pub fn parameter(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}
