//! Nodes, their message centre and their database.

use std::net::SocketAddr;
use std::sync::Arc;

use twinpath_e2e::app::{Attempt, Instance, Place};
use twinpath_e2e::centre::{Centre, Receipt};
use twinpath_e2e::config::{Bind, Settings};
use twinpath_e2e::http::{Request, send_octets};
use twinpath_e2e::pdu::Text;
use twinpath_e2e::platform::{Registration, metric};
use twinpath_e2e::process::{Installation, Process, fixed_address};
use twinpath_e2e::rig::ROUTE;
use twinpath_e2e::wait::{all, until};
use twinpath_server::serve::Server;
use twinpath_testing::postgres;

/// Connections of each node that write. Two more read, and one is the line to the other nodes.
pub(crate) const WRITERS: usize = 2;
/// All connections of a node.
pub(crate) const CONNECTIONS: usize = WRITERS + 3;

/// Nodes on one database.
pub(crate) struct Fleet {
    pub(crate) centre: Arc<Centre>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) place: Arc<Place>,
    /// Where to look at the rows themselves.
    pub(crate) database: String,
}

/// A node that may run or not.
pub(crate) struct Node {
    /// What the message centre and the database know it by.
    pub(crate) name: String,
    pub(crate) installation: Installation,
    process: Option<Process>,
    /// The next version of the program.
    next: Option<Server>,
    binds: usize,
}

impl Node {
    fn new(number: usize, issuer: &str, url: &str, centre: &Centre, sections: &str) -> Self {
        let name = format!("node-{number}");
        let settings = Settings {
            issuer: Some(issuer.to_owned()),
            store: Some(format!("{url}?application_name={name}")),
            store_more: format!("connections = {WRITERS}\nstatement_timeout_s = 2"),
            sections: sections.to_owned(),
            binds: vec![Bind::new(ROUTE, centre.port).system_id(&name)],
            ..Settings::default()
        };
        Self {
            name,
            installation: Installation::new(&settings),
            process: None,
            next: None,
            binds: 0,
        }
    }

    /// Starts it and waits until it is ready and bound.
    pub(crate) async fn start(&mut self, centre: &Centre) {
        self.process = Some(self.installation.start().await);
        self.binds += 1;
        centre.bound_as(&self.name, self.binds).await;
    }

    /// `kill -9`.
    pub(crate) async fn kill(&mut self) {
        self.process.take().expect("it runs").kill().await;
    }

    /// Stops it as an operator would, and starts the next version in its place.
    pub(crate) async fn upgrade(&mut self, centre: &Centre) {
        let old = self.process.take().expect("it runs");
        old.terminate().await;
        assert!(old.ended().await.success());
        self.next = Some(self.installation.start_next().await);
        self.binds += 1;
        centre.bound_as(&self.name, self.binds).await;
    }

    /// Stops the next version.
    pub(crate) async fn stop_next(&mut self) {
        self.next.take().expect("it was upgraded").stop().await;
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.installation.address
    }

    /// Whether it says that it takes writes.
    pub(crate) async fn ready(&self) -> bool {
        let request = Request::new("GET", "/readyz").octets();
        send_octets(self.address(), &request).await.is_some_and(|answer| answer.status == 200)
    }

    pub(crate) async fn metric(&self, name: &str) -> f64 {
        metric(self.installation.admin, name).await
    }
}

impl Fleet {
    /// Nodes on a fresh database of the server that the tests share.
    pub(crate) async fn start(nodes: usize) -> Self {
        Self::with(nodes, "").await
    }

    /// The same with further sections of the configuration.
    pub(crate) async fn with(nodes: usize, sections: &str) -> Self {
        let url = tokio::task::block_in_place(|| postgres::shared().fresh_database());
        Self::on(&url, &vec![url.clone(); nodes], sections).await
    }

    /// A node for each URL, all of which lead to one database.
    pub(crate) async fn on(database: &str, urls: &[String], sections: &str) -> Self {
        let centre = Arc::new(Centre::start().await);
        let issuer = format!("http://{}", fixed_address());
        let nodes = urls.iter().enumerate();
        let mut nodes: Vec<_> =
            nodes.map(|(n, url)| Node::new(n, &issuer, url, &centre, sections)).collect();
        // At the same time: one of them makes the tables and the first signing key.
        all(nodes.iter_mut().map(|node| node.start(&centre))).await;
        let place = Place::discover(&issuer, nodes[0].address()).await;
        Self { centre, nodes, place, database: database.to_owned() }
    }

    pub(crate) async fn kill(&mut self, node: usize) {
        self.nodes[node].kill().await;
    }

    pub(crate) async fn restart(&mut self, node: usize) {
        self.nodes[node].start(&self.centre).await;
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(Node::address).collect()
    }

    /// An installation of a new app, which is registered at the first node, asking at each node.
    pub(crate) async fn install(&self, registration: &Registration) -> Vec<Instance> {
        let app = self.nodes[0].installation.register(registration).await;
        self.everywhere(&Instance::new(&app, &self.place))
    }

    /// This installation, asking at each node.
    pub(crate) fn everywhere(&self, instance: &Instance) -> Vec<Instance> {
        self.nodes.iter().map(|node| instance.at(node.address())).collect()
    }

    /// A phone texts, and the message centre hands it to this node.
    pub(crate) async fn text(&self, node: usize, from: &str, attempt: &Attempt) -> Receipt {
        self.centre.deliver_to(&self.nodes[node].name, &Text::new(from, &attempt.text)).await
    }

    /// What a query gives.
    pub(crate) fn sql(&self, sql: &str) -> String {
        let told = tokio::task::block_in_place(|| postgres::try_psql(&self.database, sql));
        told.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Waits until a query gives this.
    pub(crate) async fn sql_gives(&self, sql: &str, expected: &str) {
        until(sql, async || (self.sql(sql) == expected).then_some(())).await;
    }

    /// Ends a node's connections. It will make new ones.
    pub(crate) fn disconnect(&self, node: usize) {
        let name = &self.nodes[node].name;
        self.sql(&format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE application_name = '{name}' AND datname = current_database()"
        ));
    }
}
