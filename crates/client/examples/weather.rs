//! A whole app: proves the terminal, shows what the platform said, calls an `OpenAPI`.
//!
//! ```text
//! cargo run -p twinpath-client --example weather -- http://127.0.0.1:8080 --client-id weather \
//!     [--name Weather] [--secret S] [--scope "openid forecast"] [--language zh-CN] \
//!     [--data DIR] [--api URL]
//! ```

use std::{collections::HashMap, error::Error, path::Path, process::ExitCode, sync::Arc};

use twinpath_client::{
    Authentication, Client, ClientConfig, FileStore, Method, Options, PrintSender, SoftwareKey,
};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let issuer = arguments.next().ok_or("the issuer's URL is missing")?;
    let mut options = HashMap::new();
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} lacks its value"))?;
        options.insert(name, value);
    }
    let client = Client::discover(&issuer, config(&mut options)?).await?;
    if !client.signed_in() {
        sign_in(&client, &mut options).await?;
    }
    if let Some(claims) = client.id_claims().await? {
        println!("Account: {}", claims.sub);
    }
    if let Some(url) = options.remove("--api") {
        let response = client.call(Method::GET, &url, None).await?;
        println!("{} {url}\n{}", response.status(), response.text().await?);
    }
    Ok(())
}

/// What the app is, and where this instance keeps its key and tokens.
fn config(options: &mut HashMap<String, String>) -> Result<ClientConfig, Box<dyn Error>> {
    let client_id = options.remove("--client-id").ok_or("--client-id is missing")?;
    let name = options.remove("--name").unwrap_or_else(|| "Weather".to_owned());
    let data = options.remove("--data").unwrap_or_else(|| ".".to_owned());
    let key = SoftwareKey::load_or_generate(Path::new(&data).join("weather.key"))?;
    let store = FileStore::new(Path::new(&data).join("weather.tokens"));
    let authentication = match options.remove("--secret") {
        Some(secret) => Authentication::ClientSecretJwt(secret.into()),
        None => Authentication::None,
    };
    let config = ClientConfig::new(client_id, name).authentication(authentication);
    Ok(config.key(Arc::new(key)).store(Arc::new(store)))
}

async fn sign_in(
    client: &Client,
    options: &mut HashMap<String, String>,
) -> Result<(), Box<dyn Error>> {
    let mut asked = Options { scope: options.remove("--scope"), ..Options::default() };
    if let Some(language) = options.remove("--language") {
        asked.language = language;
    }
    // A phone's app would implement TextSender with its composer; here a person sends the text.
    let tokens = client.authorize(&PrintSender, asked).await?;
    println!("Proven number: {}", tokens.terminal_hint.as_deref().unwrap_or("(not told)"));
    println!("Granted scope: {}", tokens.scope.as_deref().unwrap_or("(as asked)"));
    Ok(())
}
