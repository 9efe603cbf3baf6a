//! Installations of apps, by the thumbprints of their keys.

use serde::Serialize;
use serde_json::{Value, json};
use twinpath_core::ids::{ClientId, InstanceId};
use twinpath_core::instance::{InstanceAction, Look, OperateInstance};
use twinpath_core::records::{self, Evidence, InstanceStatus, Statement};
use utoipa::ToSchema;

use super::{MAX_PAGE, Operator, OperatorError, unknown};

/// The longest name of an installation, in characters.
const MAX_NAME: usize = 64;

/// An installation whose key was attested.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Instance {
    /// The app.
    pub client_id: String,
    /// RFC 7638 thumbprint of the installation's key.
    pub jkt: String,
    /// What operators call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether its key may be used.
    pub status: InstanceState,
    /// What vouches for it is worth.
    pub evidence: Evidence,
    /// Who vouches: `built_in`, or the configured name of another attester.
    pub attester: String,
    /// What was said, by the `format` of it: serial numbers, patch level, package.
    #[schema(value_type = Object)]
    pub statement: Value,
    /// When the evidence was looked at last, in seconds since 1970.
    pub attested_at: i64,
    /// First attested, in seconds since 1970.
    pub created_at: i64,
    /// Last change of `status`, in seconds since 1970.
    pub changed_at: i64,
}

/// Whether an installation's key may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum InstanceState {
    /// In use.
    Active,
    /// Refused until it is unblocked.
    Blocked,
    /// Refused for good: the installation has to make another key.
    Revoked,
}

/// A page of installations, by thumbprint.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Instances {
    /// The installations.
    pub instances: Vec<Instance>,
    /// What to say as `after` for the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl From<records::Instance> for Instance {
    fn from(row: records::Instance) -> Self {
        Self {
            client_id: row.id.client_id.to_string(),
            jkt: row.id.jkt,
            name: row.name,
            status: match row.status {
                InstanceStatus::Active => InstanceState::Active,
                InstanceStatus::Blocked => InstanceState::Blocked,
                InstanceStatus::Revoked => InstanceState::Revoked,
            },
            evidence: row.attestation.evidence,
            attester: row.attestation.attester,
            statement: told(&row.attestation.statement),
            attested_at: row.attestation.attested_at.seconds(),
            created_at: row.created_at.seconds(),
            changed_at: row.changed_at.seconds(),
        }
    }
}

/// Without what is long and says nothing to people.
fn told(statement: &Statement) -> Value {
    let mut told = json!(statement);
    if let Some(members) = told.as_object_mut() {
        members.remove("certificate_chain");
    }
    told
}

impl Operator<'_> {
    /// The attested installations of an app after a thumbprint, at most `limit`.
    pub async fn instances(
        &self,
        client_id: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Instances, OperatorError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let app = self.find_app(client_id).await?.client_id;
        let rows = self.store.instances(app, after.map(str::to_owned), limit).await?;
        let next = rows.last().filter(|_| rows.len() >= limit).map(|row| row.id.jkt.clone());
        Ok(Instances { instances: rows.into_iter().map(Instance::from).collect(), next })
    }

    /// One installation.
    pub async fn instance(&self, client_id: &str, jkt: &str) -> Result<Instance, OperatorError> {
        let id = instance_id(client_id, jkt)?;
        self.store.read(Look(id)).await?.map(Instance::from).ok_or_else(none)
    }

    /// Does something with one installation.
    pub async fn operate_instance(
        &self,
        client_id: &str,
        jkt: &str,
        action: InstanceAction,
    ) -> Result<Instance, OperatorError> {
        let id = instance_id(client_id, jkt)?;
        let action = match action {
            InstanceAction::Name(Some(name)) => InstanceAction::Name(named(&name)?),
            other => other,
        };
        let done = self.store.run(OperateInstance { id, action }).await?;
        done.map(Instance::from).ok_or_else(none)
    }
}

/// Nothing of what would confuse whoever reads it.
fn named(name: &str) -> Result<Option<String>, OperatorError> {
    let name = name.trim();
    if name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(OperatorError::Malformed(format!(
            "the name of an installation has at most {MAX_NAME} characters and no control characters"
        )));
    }
    Ok((!name.is_empty()).then(|| name.to_owned()))
}

fn instance_id(client_id: &str, jkt: &str) -> Result<InstanceId, OperatorError> {
    let id = ClientId::new(client_id).and_then(|client_id| InstanceId::new(client_id, jkt));
    id.map_or_else(|| unknown(NONE), Ok)
}

const NONE: &str = "there is no such attested installation of this app";

fn none() -> OperatorError {
    OperatorError::Unknown(NONE.to_owned())
}
