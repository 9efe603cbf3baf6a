//! Everything that runs beside the phone: message centre, platform, demo app, demo `OpenAPI`;
//! started in order, stopped in order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use twinpath_client::SoftwareKey;
use twinpath_server::serve::Server;

use crate::demo_app::{self, DemoApp};
use crate::folder::Folder;
use crate::message_centre::MessageCentre;
use crate::open_api::OpenApi;
use crate::{DevError, Options, platform, ports};

/// How long the platform may take to stop before it is cut off.
const STOP_TIME: Duration = Duration::from_secs(2);

/// The platform and its message centre, with the `OpenAPI` beside them: started, perhaps not bound.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) issuer: String,
    pub(crate) config_file: PathBuf,
    pub(crate) folder: Folder,
    pub(crate) centre: Arc<MessageCentre>,
    pub(crate) open_api: OpenApi,
    pub(crate) server: Server,
}

impl Rig {
    /// Starts everything but the app.
    pub(crate) async fn start(options: &Options) -> Result<Self, DevError> {
        let folder = Folder::open(options.folder.as_deref())?;
        let failed = DevError::at("listen on a port of this machine", "choose other ports");
        let listener = ports::listen(options.http_port).await.map_err(failed)?;
        let failed = DevError::at("start the demo OpenAPI", "choose another HTTP port");
        let (issuer, open_api) = open_api(&listener, options.http_port).await.map_err(failed)?;
        let centre = MessageCentre::start(options.smpp_port).await?;
        let route = platform::Route { address: centre.address(), password: centre.password() };
        let (server, config_file) =
            platform::start(listener, &issuer, open_api.url(), route, &folder).await?;
        Ok(Self { issuer, config_file, folder, centre: Arc::new(centre), open_api, server })
    }

    /// Registers the demo app and starts it.
    pub(crate) async fn app(&self) -> Result<(DemoApp, Arc<SoftwareKey>), DevError> {
        let key = demo_app::register(&self.server.platform, &self.folder).await?;
        let resource = self.open_api.url().to_owned();
        let app = DemoApp::start(&self.issuer, Arc::clone(&key), resource).await?;
        Ok((app, key))
    }

    /// Where the message centre listens.
    pub(crate) fn smpp(&self) -> SocketAddr {
        self.centre.address()
    }

    /// Stops in order: platform, message centre, `OpenAPI`; then the folder goes if it is temporary.
    pub(crate) async fn stop(self) {
        if timeout(STOP_TIME, self.server.stop()).await.is_err() {
            tracing::warn!("the platform was cut off while it stopped");
        }
        match Arc::try_unwrap(self.centre) {
            Ok(centre) => centre.shutdown().await,
            // A text is still on its way: dropping cuts its connection.
            Err(centre) => drop(centre),
        }
        self.open_api.stop().await;
        drop(self.folder);
    }
}

async fn open_api(
    platform: &tokio::net::TcpListener,
    http_port: u16,
) -> std::io::Result<(String, OpenApi)> {
    let issuer = format!("http://{}", platform.local_addr()?);
    let listener = ports::listen(ports::beside(http_port, 2)).await?;
    let open_api = OpenApi::serve(listener, &issuer)?;
    Ok((issuer, open_api))
}
