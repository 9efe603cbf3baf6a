//! The platform: a real server, configured by a file as an operator would write it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::net::TcpListener;
use twinpath_server::config;
use twinpath_server::serve::Server;

use crate::folder::Folder;
use crate::message_centre::SYSTEM_ID;
use crate::{DevError, random};

/// The number that texts go to: of a range that is kept free for fiction, so nobody's.
pub(crate) const NUMBER: &str = "+447700900900";
/// The bind's name.
pub(crate) const ROUTE: &str = "simulator";

/// Where the message centre is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route<'a> {
    /// Its address.
    pub(crate) address: SocketAddr,
    /// What to bind with.
    pub(crate) password: &'a str,
}

/// Writes the configuration and starts a server with it on `listener`. Returns where the file is.
pub(crate) async fn start(
    listener: TcpListener,
    issuer: &str,
    resource: &str,
    route: Route<'_>,
    folder: &Folder,
) -> Result<(Server, PathBuf), DevError> {
    let master = folder.made_once("master.key", random::text::<32>)?;
    let written = Written {
        issuer,
        listen: listener.local_addr().map_err(failed)?,
        store: format!("sqlite://{}", folder.path().join("twinpath.db").display()),
        master: master.display().to_string(),
        resource,
        route,
    };
    let file = folder.write("twinpath.toml", &written.toml())?;
    // The environment stays out: a variable meant for another server must not change this one.
    let config = config::load(&file, std::iter::empty()).map_err(failed)?;
    let server = Server::start_on(listener, config).await.map_err(failed)?;
    Ok((server, file))
}

fn failed(reason: impl std::fmt::Display) -> DevError {
    let advice = "with a folder of your own, use an empty one or one that this version wrote";
    DevError::new("start the platform", advice, reason)
}

/// What the configuration says.
struct Written<'a> {
    issuer: &'a str,
    listen: SocketAddr,
    store: String,
    master: String,
    resource: &'a str,
    route: Route<'a>,
}

impl Written<'_> {
    fn toml(&self) -> String {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let mut out =
            String::from("# Written by `twinpath dev`. A real platform's file looks like this.\n");
        let mut line = |text: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{text}");
        };
        line(format!("issuer = {}", quoted(self.issuer)));
        line("\n[http]".to_owned());
        line(format!("listen = {}", quoted(&self.listen.to_string())));
        line("development = true            # never on a real platform".to_owned());
        line("\n[store]".to_owned());
        line(format!("url = {}", quoted(&self.store)));
        line("\n[keys]".to_owned());
        line(format!("master_file = {}", quoted(&self.master)));
        line("\n[tokens]".to_owned());
        line(format!("resources = [{}]", quoted(self.resource)));
        line("\n[limits]".to_owned());
        line(
            "texts_per_number_per_hour = 1000   # you will play; a real platform has 20".to_owned(),
        );
        line(
            "\n[[sms.smpp]]                  # the bind to the simulated message centre".to_owned(),
        );
        line(format!("name = {}", quoted(ROUTE)));
        line(format!("address = {}", quoted(&self.route.address.to_string())));
        line(format!("system_id = {}", quoted(SYSTEM_ID)));
        line(format!("password = {}", quoted(self.route.password)));
        line(format!("numbers = [{}]", quoted(NUMBER)));
        line("country = \"GB\"".to_owned());
        line(
            "trust = \"test\"                # takes numbers of ranges that nobody has".to_owned(),
        );
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_folders_stay_one_string() {
        let written = Written {
            issuer: "http://127.0.0.1:1",
            listen: SocketAddr::from(([127, 0, 0, 1], 1)),
            store: "sqlite:///tmp/a \"b\"\\c\n/x.db".to_owned(),
            master: "/tmp/m".to_owned(),
            resource: "http://127.0.0.1:3/weather",
            route: Route { address: SocketAddr::from(([127, 0, 0, 1], 2)), password: "p" },
        };
        let file: config::File = toml::from_str(&written.toml()).unwrap();
        assert_eq!(
            file.store.url.as_ref().map(config::StoreUrl::expose),
            Some(written.store.as_str())
        );
        assert!(file.http.development);
        assert_eq!(file.sms.smpp[0].numbers, [NUMBER]);
    }
}
