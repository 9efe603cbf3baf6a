//! The admin API, wherever it is: at a URL, at the running server that a configuration names, or, if
//! that does not run, on its store within this process. Requests and answers are the same.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::{Client, Method, Url};
use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpStream;
use twinpath_core::vault::Vault;
use twinpath_server::admin::{API, Local};
use twinpath_server::operator::OperatorError;
use twinpath_server::platform::open_store;
use twinpath_store::Store;

use crate::arguments::{ConfigFile, Target};
use crate::operate::OperateError;

const CONNECT_TIME: Duration = Duration::from_secs(3);
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// Where a server elsewhere is, if neither `--config` nor `--url` is given.
const URL_VARIABLE: &str = "TWINPATH_ADMIN_URL";
/// The token for a server elsewhere, if `--token-file` is not given.
const TOKEN_VARIABLE: &str = "TWINPATH_ADMIN_TOKEN";

/// The admin API.
pub(crate) struct Api {
    base: Url,
    way: Way,
}

enum Way {
    Server {
        client: Client,
        token: String,
        /// What a refused token means here.
        unauthorized: Option<&'static str>,
    },
    Store {
        api: Local,
        store: Store,
    },
}

impl Api {
    /// Finds it.
    pub(crate) async fn open(target: &Target) -> Result<Self, OperateError> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        match (&target.config, &target.url) {
            (Some(config), _) => Self::of_config(&ConfigFile { config: config.clone() }).await,
            (None, Some(url)) => Self::elsewhere(url, target),
            (None, None) => match variable(URL_VARIABLE) {
                Some(url) => Self::elsewhere(&url, target),
                None => Err(OperateError::Target(URL_VARIABLE)),
            },
        }
    }

    fn elsewhere(url: &str, target: &Target) -> Result<Self, OperateError> {
        let token = match &target.token_file {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| OperateError::File(path.clone(), error))?,
            None => {
                std::env::var(TOKEN_VARIABLE).map_err(|_| OperateError::Token(TOKEN_VARIABLE))?
            }
        };
        Self::server(checked(url)?, token.trim().to_owned(), None)
    }

    async fn of_config(file: &ConfigFile) -> Result<Self, OperateError> {
        let config = crate::load(file)?;
        let vault = Vault::new(&config.master.0).map_err(OperatorError::from)?;
        if let Some(admin) = config.admin
            && answers(admin).await
        {
            let token = vault.admin_token().to_owned();
            let another = "this server has another master key";
            return Self::server(parsed(&format!("http://{admin}"))?, token, Some(another));
        }
        let store = open_store(&config).map_err(OperatorError::from)?;
        let api = Local::new(store.clone(), vault, config.keys);
        Ok(Self { base: parsed("http://store")?, way: Way::Store { api, store } })
    }

    fn server(
        base: Url,
        token: String,
        unauthorized: Option<&'static str>,
    ) -> Result<Self, OperateError> {
        let mut client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIME)
            .timeout(ANSWER_TIME);
        if is_loopback(&base) || unauthorized.is_some() {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| OperateError::Server(error.to_string()))?;
        Ok(Self { base, way: Way::Server { client, token, unauthorized } })
    }

    /// Reads.
    pub(crate) async fn get(&self, path: &[&str], query: &str) -> Result<Value, OperateError> {
        let mut url = self.at(path)?;
        if !query.is_empty() {
            url.set_query(Some(query));
        }
        self.call(Method::GET, url, None).await
    }

    /// Does something without saying more.
    pub(crate) async fn order(&self, method: Method, path: &[&str]) -> Result<Value, OperateError> {
        self.call(method, self.at(path)?, None).await
    }

    /// Does something with a body.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<Value, OperateError> {
        let body = serde_json::to_vec(body).map_err(|e| OperateError::Server(e.to_string()))?;
        self.call(method, self.at(path)?, Some(body)).await
    }

    /// Ends it.
    pub(crate) async fn close(self) {
        if let Way::Store { store, .. } = self.way {
            store.close().await;
        }
    }

    /// The URL of a path, each of whose parts may be anything.
    fn at(&self, path: &[&str]) -> Result<Url, OperateError> {
        if let Some(odd) = path.iter().find(|part| ["", ".", ".."].contains(*part)) {
            return Err(OperateError::Server(format!("{odd:?} names nothing")));
        }
        let mut url = self.base.clone();
        let parts = API.split('/').filter(|part| !part.is_empty());
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(parts).extend(path);
        }
        Ok(url)
    }

    async fn call(
        &self,
        method: Method,
        url: Url,
        body: Option<Vec<u8>>,
    ) -> Result<Value, OperateError> {
        let (status, bytes) = match &self.way {
            Way::Server { client, token, .. } => request(client, token, method, url, body).await?,
            Way::Store { api, .. } => {
                let query = url.query().map_or(String::new(), |query| format!("?{query}"));
                let answer = api.call(method, &format!("{}{query}", url.path()), body).await;
                answer.map_err(|error| OperateError::Server(error.to_string()))?
            }
        };
        if status == 204 {
            return Ok(Value::Null);
        }
        let answer: Option<Value> = serde_json::from_slice(&bytes).ok();
        match answer {
            Some(answer) if (200..300).contains(&status) => Ok(answer),
            Some(problem) if problem["type"].is_string() => Err(self.refused(status, &problem)),
            _ => Err(OperateError::Server(format!("{} is no admin API of twinpath", self.base))),
        }
    }

    fn refused(&self, status: u16, problem: &Value) -> OperateError {
        let detail = problem["detail"].as_str().or(problem["title"].as_str()).unwrap_or_default();
        let why = match &self.way {
            Way::Server { unauthorized: Some(why), .. } if status == 401 => why,
            _ => detail,
        };
        OperateError::Server(why.to_owned())
    }
}

async fn request(
    client: &Client,
    token: &str,
    method: Method,
    url: Url,
    body: Option<Vec<u8>>,
) -> Result<(u16, Vec<u8>), OperateError> {
    let failed = |error: reqwest::Error| OperateError::Server(causes(&error));
    let mut request = client.request(method, url).bearer_auth(token);
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body);
    }
    let response = request.send().await.map_err(failed)?;
    let status = response.status().as_u16();
    Ok((status, response.bytes().await.map_err(failed)?.to_vec()))
}

/// An error with what caused it: `reqwest` tells the first only.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

/// Whether something listens there.
async fn answers(address: SocketAddr) -> bool {
    matches!(tokio::time::timeout(CONNECT_TIME, TcpStream::connect(address)).await, Ok(Ok(_)))
}

fn parsed(url: &str) -> Result<Url, OperateError> {
    Url::parse(url).map_err(|error| OperateError::Server(format!("the URL {url:?}: {error}")))
}

/// The token goes in the clear over loopback only.
fn checked(url: &str) -> Result<Url, OperateError> {
    let refuse = |why: &str| Err(OperateError::Server(format!("the URL {url:?} {why}")));
    let parsed = parsed(url)?;
    match parsed.scheme() {
        "https" => {}
        "http" if is_loopback(&parsed) => {}
        "http" => return refuse("must be https: the token would go in the clear"),
        _ => return refuse("must be https"),
    }
    let extra = parsed.query().is_some() || parsed.fragment().is_some();
    if extra || !parsed.username().is_empty() || parsed.password().is_some() {
        return refuse("must be no more than scheme, host, port and path");
    }
    Ok(parsed)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse();
    host == "localhost" || address.is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_in_the_clear_over_loopback_only() {
        for fine in [
            "https://admin.example",
            "https://admin.example/twinpath/",
            "http://127.0.0.1:8081",
            "http://[::1]:8081",
            "http://localhost:8081",
        ] {
            assert!(checked(fine).is_ok(), "{fine}");
        }
        for bad in [
            "http://admin.example",
            "http://10.0.0.1:8081",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "ftp://admin.example",
            "admin.example",
            "https://me:secret@admin.example",
            "https://admin.example/?a",
            "https://admin.example/#a",
        ] {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_stays_one_part_of_the_path() {
        let base = checked("https://admin.example/below/").unwrap();
        let api = Api::server(base, String::new(), None).unwrap();
        let at = |name: &str| api.at(&["apps", name]).map(|url| url.path().to_owned());
        assert_eq!(at("weather").unwrap(), "/below/admin/v1/apps/weather");
        assert_eq!(at("a/../b?c#d").unwrap(), "/below/admin/v1/apps/a%2F..%2Fb%3Fc%23d");
        for odd in ["", ".", ".."] {
            assert!(at(odd).is_err(), "{odd:?}");
        }
    }
}
