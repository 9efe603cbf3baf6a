//! What the tests share: free ports, a browser's requests, output that can be read.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use twinpath_dev::{Dev, Options};

/// Any free ports.
pub(crate) fn options() -> Options {
    Options { http_port: 0, smpp_port: 0, ..Options::default() }
}

/// An output that can be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Screen(Arc<Mutex<Vec<u8>>>);

impl Screen {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A browser that shows the phone's page.
pub(crate) struct Browser {
    http: reqwest::Client,
    base: String,
}

impl Browser {
    pub(crate) fn at(dev: &Dev) -> Self {
        Self { http: http(), base: dev.phone_url().trim_end_matches('/').to_owned() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let request = self.http.post(self.url(path)).header("origin", &self.base).json(&body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    pub(crate) async fn state(&self) -> Value {
        let response = self.http.get(self.url("/api/state")).send().await.unwrap();
        response.json::<Value>().await.unwrap()["view"].take()
    }

    /// Polls as the page does, until `wanted`.
    pub(crate) async fn until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut view = self.state().await;
        while !wanted(&view) {
            let url = self.url(&format!("/api/state?after={}", view["revision"]));
            let response = self.http.get(url).send().await.unwrap();
            view = response.json::<Value>().await.unwrap()["view"].take();
        }
        view
    }
}
