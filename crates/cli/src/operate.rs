//! `app`, `instance`, `account`, `key`, `admin-token`, `registration-token`, `quarantine`: what is said on the command line as
//! requests of the admin API, and its answers printed as JSON.

use reqwest::Method;
use serde_json::{Value, json};
use twinpath_core::app::{ClientMetadata, RegistrationError, initial_token_id};
use twinpath_core::records::{
    AccessTokenFormat, AppleEnvironment, AuthMethod, CertificateName, Evidence, GrantType,
};
use twinpath_core::token::Rotation;
use twinpath_server::config::ConfigError;
use twinpath_server::operator::{OperatorError, parse_jwks};

use crate::api::{Api, text};
use crate::arguments::{
    AccountCommand, AppCommand, Certificate, Dpop, EnvironmentArgument, EvidenceArgument,
    EvidencePolicy, Grant, InstanceCommand, KeyCommand, Method as AuthMethodArgument, NameInstance,
    OneAccount, QuarantineCommand, RegistrationTokenCommand, Settings, Target, TokenCommand,
    TokenFormat,
};

/// Why an operator's command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OperateError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Operator(#[from] OperatorError),
    #[error("{0}: {1}")]
    File(std::path::PathBuf, std::io::Error),
    #[error(transparent)]
    Settings(#[from] RegistrationError),
    #[error("say which server: --config FILE, --url URL, or {0} in the environment")]
    Target(&'static str),
    #[error("the admin token is missing: --token-file FILE, or {0} in the environment")]
    Token(&'static str),
    #[error("{0}")]
    Server(String),
}

/// Opens the API, asks, prints the answer.
async fn carry_out(
    target: &Target,
    ask: impl AsyncFnOnce(&Api) -> Result<Value, OperateError>,
) -> Result<(), OperateError> {
    let api = Api::open(target).await?;
    let answer = ask(&api).await;
    api.close().await;
    println!("{:#}", answer?);
    Ok(())
}

pub(crate) async fn app(command: AppCommand) -> Result<(), OperateError> {
    match command {
        AppCommand::Register(register) => {
            let mut settings = said(register.settings)?;
            settings.client_name = Some(register.name);
            settings.auth_method = Some(register.auth_method.into());
            let ask = async |api: &Api| api.send(Method::POST, &["apps"], &settings).await;
            carry_out(&register.target, ask).await
        }
        AppCommand::Update(update) => {
            let mut settings = said(update.settings)?;
            settings.client_name = update.name;
            settings.auth_method = update.auth_method.map(Into::into);
            let Some(id) = settings.client_id.clone() else {
                return Err(OperateError::Server("the client_id is missing".to_owned()));
            };
            let ask = async |api: &Api| api.send(Method::PATCH, &["apps", &id], &settings).await;
            carry_out(&update.target, ask).await
        }
        AppCommand::List(target) => {
            carry_out(&target, async |api: &Api| pages(api, &["apps"], "apps").await).await
        }
        AppCommand::Show(one) => {
            let id = one.client_id();
            carry_out(&one.target, async |api: &Api| api.get(&["apps", &id], "").await).await
        }
        AppCommand::RotateSecret(one) => {
            let id = one.client_id();
            let path = ["apps", &id, "rotate-secret"];
            carry_out(&one.target, async |api: &Api| api.order(Method::POST, &path).await).await
        }
        AppCommand::Delete(one) => {
            let id = one.client_id();
            let ask = async |api: &Api| {
                api.order(Method::DELETE, &["apps", &id]).await?;
                Ok(json!({"deleted": id}))
            };
            carry_out(&one.target, ask).await
        }
    }
}

/// Every page of a list, put together. `member` is what an answer calls its rows.
async fn pages(api: &Api, path: &[&str], member: &str) -> Result<Value, OperateError> {
    let mut all = Vec::new();
    let mut query = "limit=500".to_owned();
    loop {
        let mut page = api.get(path, &query).await?;
        if let Some(Value::Array(rows)) = page.get_mut(member).map(Value::take) {
            all.extend(rows);
        }
        match text(&page, "next") {
            // A client_id and a thumbprint need no escaping.
            Some(next) => query = format!("limit=500&after={next}"),
            None => return Ok(Value::Array(all)),
        }
    }
}

fn said(settings: Settings) -> Result<ClientMetadata, OperateError> {
    let jwks = match settings.jwks {
        Some(path) => {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| OperateError::File(path.clone(), error))?;
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
        may_exchange_for: some(settings.may_exchange_for),
        grant_types: (!settings.grant_types.is_empty())
            .then(|| settings.grant_types.into_iter().map(Into::into).collect()),
        access_token_format: settings.access_token_format.map(Into::into),
        introspection_signed_response_alg: settings.introspection_signed_response_alg,
        authorization_details_types: some(settings.details_types),
        first_party: settings.first_party,
        android_package: settings.android_package,
        android_cert_sha256: some(settings.android_cert_sha256),
        android_sms_hash: settings.android_sms_hash,
        apple_app_id: settings.apple_app_id,
        developer: settings.developer,
        ..evidence(settings.evidence)?
    }
    .named(settings.certificate.into())
    .over(settings.openid.into()))
}

fn evidence(said: EvidencePolicy) -> Result<ClientMetadata, OperateError> {
    let read = |path: std::path::PathBuf| match std::fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) => Err(OperateError::File(path, error)),
    };
    let evidence: Vec<_> = said.evidence.into_iter().map(Evidence::from).collect();
    Ok(ClientMetadata {
        app_attestation_evidence: (!evidence.is_empty()).then_some(evidence),
        android_verified_boot: said.android_verified_boot,
        android_min_os_patch_level: said.android_min_os_patch_level,
        apple_environment: said.apple_environment.map(Into::into),
        play_integrity_decryption_key: said
            .play_integrity_decryption_key_file
            .map(read)
            .transpose()?,
        play_integrity_verification_key: said.play_integrity_verification_key,
        ..ClientMetadata::default()
    })
}

impl From<EvidenceArgument> for Evidence {
    fn from(said: EvidenceArgument) -> Self {
        match said {
            EvidenceArgument::None => Self::None,
            EvidenceArgument::Software => Self::Software,
            EvidenceArgument::Tee => Self::Tee,
            EvidenceArgument::Strongbox => Self::Strongbox,
            EvidenceArgument::AppAttest => Self::AppAttest,
        }
    }
}

impl From<EnvironmentArgument> for AppleEnvironment {
    fn from(said: EnvironmentArgument) -> Self {
        match said {
            EnvironmentArgument::Production => Self::Production,
            EnvironmentArgument::Development => Self::Development,
        }
    }
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

impl From<Grant> for GrantType {
    fn from(grant: Grant) -> Self {
        match grant {
            Grant::Terminal => Self::Terminal,
            Grant::AuthorizationCode => Self::AuthorizationCode,
            Grant::RefreshToken => Self::RefreshToken,
            Grant::ClientCredentials => Self::ClientCredentials,
            Grant::DeviceCode => Self::DeviceCode,
            Grant::TokenExchange => Self::TokenExchange,
        }
    }
}

impl From<TokenFormat> for AccessTokenFormat {
    fn from(format: TokenFormat) -> Self {
        match format {
            TokenFormat::Jwt => Self::Jwt,
            TokenFormat::Opaque => Self::Opaque,
        }
    }
}

impl From<AuthMethodArgument> for AuthMethod {
    fn from(method: AuthMethodArgument) -> Self {
        match method {
            AuthMethodArgument::PrivateKeyJwt => Self::PrivateKeyJwt,
            AuthMethodArgument::ClientSecretBasic => Self::ClientSecretBasic,
            AuthMethodArgument::ClientSecretPost => Self::ClientSecretPost,
            AuthMethodArgument::ClientSecretJwt => Self::ClientSecretJwt,
            AuthMethodArgument::TlsClientAuth => Self::TlsClientAuth,
            AuthMethodArgument::SelfSignedTlsClientAuth => Self::SelfSignedTlsClientAuth,
            AuthMethodArgument::AttestJwtClientAuth => Self::AttestJwtClientAuth,
            AuthMethodArgument::AttestJwtClientAuthDpop => Self::AttestJwtClientAuthDpop,
            AuthMethodArgument::None => Self::None,
        }
    }
}

pub(crate) async fn instance(command: InstanceCommand) -> Result<(), OperateError> {
    let (one, action) = match command {
        InstanceCommand::List(of) => {
            let path = ["apps", &of.client_id, "instances"];
            let list = async |api: &Api| pages(api, &path, "instances").await;
            return carry_out(&of.target, list).await;
        }
        InstanceCommand::Name(NameInstance { one, name }) => {
            let path = ["apps", &one.client_id, "instances", &one.jkt];
            let said = json!({"name": name});
            let ask = async |api: &Api| api.send(Method::PATCH, &path, &said).await;
            return carry_out(&one.target, ask).await;
        }
        InstanceCommand::Show(one) => (one, None),
        InstanceCommand::Block(one) => (one, Some("block")),
        InstanceCommand::Unblock(one) => (one, Some("unblock")),
        InstanceCommand::Revoke(one) => (one, Some("revoke")),
    };
    let path = ["apps", &one.client_id, "instances", &one.jkt];
    let ask = async |api: &Api| match action {
        None => api.get(&path, "").await,
        Some(action) => api.order(Method::POST, &[&path[..], &[action]].concat()).await,
    };
    carry_out(&one.target, ask).await
}

pub(crate) async fn account(command: AccountCommand) -> Result<(), OperateError> {
    let (OneAccount { target, subject }, action) = match command {
        AccountCommand::Show(one) => (one, None),
        AccountCommand::Block(one) => (one, Some("block")),
        AccountCommand::Unblock(one) => (one, Some("unblock")),
        AccountCommand::Revoke(one) => (one, Some("revoke")),
        AccountCommand::Restore(one) => (one, Some("restore")),
        AccountCommand::Erase(one) => {
            let erase = async |api: &Api| {
                let id = account_id(api, &one.subject).await?;
                api.order(Method::DELETE, &["accounts", &id]).await
            };
            return carry_out(&one.target, erase).await;
        }
    };
    let ask = async |api: &Api| match action {
        None if subject.starts_with('+') => search(api, &subject).await,
        None => api.get(&["accounts", &subject], "").await,
        Some(action) => {
            let id = account_id(api, &subject).await?;
            api.order(Method::POST, &["accounts", &id, action]).await
        }
    };
    carry_out(&target, ask).await
}

/// A number goes in a body: paths end in logs.
async fn search(api: &Api, number: &str) -> Result<Value, OperateError> {
    api.send(Method::POST, &["accounts", "search"], &json!({"number": number})).await
}

async fn account_id(api: &Api, subject: &str) -> Result<String, OperateError> {
    if !subject.starts_with('+') {
        return Ok(subject.to_owned());
    }
    let account = search(api, subject).await?;
    Ok(text(&account, "account").unwrap_or_default().to_owned())
}

pub(crate) async fn key(command: KeyCommand) -> Result<(), OperateError> {
    match command {
        KeyCommand::List(target) => {
            let list = async |api: &Api| {
                let mut keys = api.get(&["keys"], "").await?;
                Ok(keys.get_mut("keys").map(Value::take).unwrap_or_default())
            };
            carry_out(&target, list).await
        }
        KeyCommand::Rotate(rotate) => {
            let rotation = match (rotate.now, rotate.withdraw) {
                (false, _) => Rotation::Announce,
                (true, false) => Rotation::Now,
                (true, true) => Rotation::Withdraw,
            };
            let said = json!({"rotation": rotation});
            let ask = async |api: &Api| api.send(Method::POST, &["keys", "rotate"], &said).await;
            carry_out(&rotate.target, ask).await
        }
    }
}

pub(crate) async fn admin_token(command: TokenCommand) -> Result<(), OperateError> {
    match command {
        TokenCommand::Create(create) => {
            let role = create.role.as_str();
            let new = json!({"name": create.name, "role": role, "days": create.days});
            let make = async |api: &Api| api.send(Method::POST, &["tokens"], &new).await;
            carry_out(&create.target, make).await
        }
        TokenCommand::Revoke(revoke) => {
            let end = async |api: &Api| {
                api.order(Method::DELETE, &["tokens", &revoke.id]).await?;
                Ok(json!({"revoked": revoke.id}))
            };
            carry_out(&revoke.target, end).await
        }
    }
}

pub(crate) async fn quarantine(command: QuarantineCommand) -> Result<(), OperateError> {
    let path = ["quarantine"];
    match command {
        QuarantineCommand::List(list) => {
            carry_out(&list.target, async |api: &Api| api.get(&path, "").await).await
        }
        QuarantineCommand::Show(show) => {
            let id = show.id.to_string();
            let look = async |api: &Api| api.get(&["quarantine", &id], "").await;
            carry_out(&show.target, look).await
        }
        QuarantineCommand::Purge(purge) => {
            carry_out(&purge.target, async |api: &Api| api.order(Method::DELETE, &path).await).await
        }
    }
}

pub(crate) async fn registration_token(
    command: RegistrationTokenCommand,
) -> Result<(), OperateError> {
    match command {
        RegistrationTokenCommand::Create(create) => {
            let grants = create.grant_types.into_iter().map(GrantType::from);
            let new = json!({
                "developer": create.developer,
                "scope": create.scope,
                "grant_types": grants.collect::<Vec<_>>(),
                "uses": create.uses,
                "days": create.days,
            });
            let path = ["registration-tokens"];
            let make = async |api: &Api| api.send(Method::POST, &path, &new).await;
            carry_out(&create.target, make).await
        }
        RegistrationTokenCommand::Revoke(revoke) => {
            // A path is no place for a token.
            let Some(id) = initial_token_id(&revoke.id) else {
                return Err(OperateError::Server("this is no initial access token".to_owned()));
            };
            let end = async |api: &Api| {
                api.order(Method::DELETE, &["registration-tokens", id]).await?;
                Ok(json!({"revoked": id}))
            };
            carry_out(&revoke.target, end).await
        }
    }
}
