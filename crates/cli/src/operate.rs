//! `app`, `account`, `key`. A command goes to the running server through its admin listener; if none
//! answers there, to the store itself.

use std::time::Duration;

use serde_json::Value;
use twinpath_core::account::Action;
use twinpath_core::app::ClientMetadata;
use twinpath_core::app::RegistrationError;
use twinpath_core::records::{AuthMethod, CertificateName};
use twinpath_core::token::Rotation;
use twinpath_core::vault::Vault;
use twinpath_server::admin::COMMANDS;
use twinpath_server::config::{Config, ConfigError};
use twinpath_server::operator::{Command, Operator, OperatorError, parse_jwks};
use twinpath_server::platform::open_store;

use crate::arguments::{
    AccountCommand, AppCommand, Certificate, ConfigFile, Dpop, KeyCommand, Method, OneAccount,
    Settings,
};

/// Why an operator's command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OperateError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Operator(#[from] OperatorError),
    #[error("{0}: {1}")]
    Jwks(std::path::PathBuf, std::io::Error),
    #[error(transparent)]
    Settings(#[from] RegistrationError),
    #[error("{0}")]
    Server(String),
}

pub(crate) async fn app(command: AppCommand) -> Result<(), OperateError> {
    let (file, command) = match command {
        AppCommand::Register(register) => {
            let mut settings = said(register.settings)?;
            settings.client_name = Some(register.name);
            settings.auth_method = Some(register.auth_method.into());
            (register.file, Command::RegisterApp(Box::new(settings)))
        }
        AppCommand::Update(update) => {
            let mut settings = said(update.settings)?;
            settings.client_name = update.name;
            settings.auth_method = update.auth_method.map(Into::into);
            (update.file, Command::UpdateApp(Box::new(settings)))
        }
        AppCommand::List(file) => (file, Command::ListApps),
        AppCommand::Show(one) => {
            let client_id = one.client_id();
            (one.file, Command::ShowApp { client_id })
        }
        AppCommand::RotateSecret(one) => {
            let client_id = one.client_id();
            (one.file, Command::RotateSecret { client_id })
        }
        AppCommand::Delete(one) => {
            let client_id = one.client_id();
            (one.file, Command::DeleteApp { client_id })
        }
    };
    carry_out(&file, command).await
}

fn said(settings: Settings) -> Result<ClientMetadata, OperateError> {
    let jwks = match settings.jwks {
        Some(path) => {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| OperateError::Jwks(path.clone(), error))?;
            Some(parse_jwks(&text)?)
        }
        None => None,
    };
    let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
    Ok(ClientMetadata {
        client_id: settings.client_id,
        jwks,
        scope: settings.scope,
        dpop: settings.dpop.map(|dpop| matches!(dpop, Dpop::Required)),
        certificate_bound: settings.certificate_bound,
        redirect_uris: some(settings.redirect_uris),
        serves: some(settings.serves),
        android_package: settings.android_package,
        android_cert_sha256: some(settings.android_cert_sha256),
        apple_app_id: settings.apple_app_id,
        developer: settings.developer,
        ..ClientMetadata::default()
    }
    .named(settings.certificate.into())
    .over(settings.openid.into()))
}

impl From<Certificate> for Option<CertificateName> {
    fn from(said: Certificate) -> Self {
        None.or(said.tls_subject_dn.map(CertificateName::SubjectDn))
            .or(said.tls_san_dns.map(CertificateName::SanDns))
            .or(said.tls_san_uri.map(CertificateName::SanUri))
            .or(said.tls_san_ip.map(CertificateName::SanIp))
            .or(said.tls_san_email.map(CertificateName::SanEmail))
    }
}

impl From<Method> for AuthMethod {
    fn from(method: Method) -> Self {
        match method {
            Method::PrivateKeyJwt => Self::PrivateKeyJwt,
            Method::ClientSecretBasic => Self::ClientSecretBasic,
            Method::ClientSecretPost => Self::ClientSecretPost,
            Method::ClientSecretJwt => Self::ClientSecretJwt,
            Method::TlsClientAuth => Self::TlsClientAuth,
            Method::SelfSignedTlsClientAuth => Self::SelfSignedTlsClientAuth,
            Method::None => Self::None,
        }
    }
}

pub(crate) async fn account(command: AccountCommand) -> Result<(), OperateError> {
    let (OneAccount { file, subject }, action) = match command {
        AccountCommand::Show(one) => (one, Action::Show),
        AccountCommand::Block(one) => (one, Action::Block),
        AccountCommand::Unblock(one) => (one, Action::Unblock),
        AccountCommand::Revoke(one) => (one, Action::Revoke),
        AccountCommand::Restore(one) => (one, Action::Restore),
        AccountCommand::Erase(one) => (one, Action::Erase),
    };
    carry_out(&file, Command::Account { subject, action }).await
}

pub(crate) async fn key(command: KeyCommand) -> Result<(), OperateError> {
    let (file, command) = match command {
        KeyCommand::List(file) => (file, Command::ListKeys),
        KeyCommand::Rotate(rotate) => {
            let rotation = match (rotate.now, rotate.withdraw) {
                (false, _) => Rotation::Announce,
                (true, false) => Rotation::Now,
                (true, true) => Rotation::Withdraw,
            };
            (rotate.file, Command::RotateKey { rotation })
        }
    };
    carry_out(&file, command).await
}

async fn carry_out(file: &ConfigFile, command: Command) -> Result<(), OperateError> {
    let config = crate::load(file)?;
    let vault = Vault::new(&config.master.0).map_err(OperatorError::from)?;
    let answer = if let Some(answer) = through_server(&config, &vault, &command).await? {
        answer
    } else {
        let store = open_store(&config).map_err(OperatorError::from)?;
        let operator = Operator { store: &store, vault: &vault, keys: &config.keys };
        let answer = Box::pin(operator.perform(command)).await;
        store.close().await;
        answer?
    };
    println!("{answer:#}");
    Ok(())
}

/// `None` if no server answers at the configured admin listener.
async fn through_server(
    config: &Config,
    vault: &Vault,
    command: &Command,
) -> Result<Option<Value>, OperateError> {
    let Some(admin) = config.admin else {
        return Ok(None);
    };
    let failed = |error: reqwest::Error| OperateError::Server(format!("{admin}: {error}"));
    let client = reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(Duration::from_secs(3))
        .timeout(Duration::from_secs(30))
        .build()
        .map_err(failed)?;
    let body = serde_json::to_vec(command).map_err(|e| OperateError::Server(e.to_string()))?;
    let request = client
        .post(format!("http://{admin}{COMMANDS}"))
        .bearer_auth(vault.admin_token())
        .body(body);
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_connect() => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let refused = !response.status().is_success();
    let bytes = response.bytes().await.map_err(failed)?;
    let answer: Value = serde_json::from_slice(&bytes)
        .map_err(|_| OperateError::Server(format!("{admin} is no admin listener of twinpath")))?;
    match answer.get("error").and_then(Value::as_str) {
        Some(why) if refused => Err(OperateError::Server(why.to_owned())),
        _ => Ok(Some(answer)),
    }
}
