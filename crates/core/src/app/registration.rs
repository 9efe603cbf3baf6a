//! Registering apps (RFC 7591). The names of members are the RFC's.

use twinpath_wire::b64;

use crate::app::{ClientMetadata, checks};
use crate::ids::{ClientId, Timestamp};
use crate::records::{App, AuditEvent, AuthMethod, Secret};
use crate::transaction::{
    Context, Key, Missing, Operation, Random, Rows, Step, Write, random_bytes,
};
use crate::vault::{Purpose, Vault};

/// Why an app cannot be registered so.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct RegistrationError(pub String);

/// A secret just made, and what is kept of it.
#[derive(Debug)]
pub struct NewSecret {
    /// Told once.
    pub clear: String,
    /// Kept.
    pub kept: Secret,
}

impl NewSecret {
    /// A secret for an app of this method, `None` for methods without one.
    pub fn make(
        client_id: &ClientId,
        method: AuthMethod,
        vault: &Vault,
        random: &mut dyn Random,
    ) -> Result<Option<Self>, RegistrationError> {
        let clear = format!("tps_{}", b64::encode(random_bytes::<32>(random)));
        let kept = match method {
            AuthMethod::PrivateKeyJwt
            | AuthMethod::TlsClientAuth
            | AuthMethod::SelfSignedTlsClientAuth
            | AuthMethod::AttestJwtClientAuth
            | AuthMethod::AttestJwtClientAuthDpop
            | AuthMethod::None => return Ok(None),
            AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost => {
                Secret::Hash(vault.secret(client_id, &clear).to_vec())
            }
            AuthMethod::ClientSecretJwt => {
                let owner = client_id.as_str().as_bytes();
                let sealed = vault.seal(Purpose::AppSecret, owner, clear.as_bytes(), random);
                Secret::Sealed(sealed.map_err(|error| RegistrationError(error.to_string()))?)
            }
        };
        Ok(Some(Self { clear, kept }))
    }
}

impl ClientMetadata {
    /// Checks everything and makes the row, with the secret in clear if the method has one.
    pub fn register(
        self,
        vault: &Vault,
        now: Timestamp,
        random: &mut dyn Random,
    ) -> Result<(App, Option<String>), RegistrationError> {
        let client_id = match &self.client_id {
            Some(id) => ClientId::try_from(id.clone()).map_err(|e| RegistrationError(e.into()))?,
            None => ClientId::new(&b64::encode(random_bytes::<12>(random)))
                .ok_or(RegistrationError("no client_id".into()))?,
        };
        let method = self.auth_method.unwrap_or(AuthMethod::PrivateKeyJwt);
        let secret = NewSecret::make(&client_id, method, vault, random)?;
        let keys = self.play_integrity(&client_id, None, vault, random)?;
        let (kept, clear) = secret.map_or((None, None), |new| (Some(new.kept), Some(new.clear)));
        let mut app = App { secret: kept, ..self.checked(client_id, method, now)? };
        app.attestation.play_integrity = keys;
        Ok((app, clear))
    }

    /// The next version of `old`: what is not said stays. A change of the method makes a new secret
    /// where it needs one.
    pub fn update(
        self,
        old: &App,
        vault: &Vault,
        now: Timestamp,
        random: &mut dyn Random,
    ) -> Result<(App, Option<String>), RegistrationError> {
        let method = self.auth_method.unwrap_or(old.auth_method);
        let mut known = Self::of(old);
        // Keys of one kind of method are no keys of another: an app's own key is no attester's.
        let keeps =
            matches!(method, AuthMethod::PrivateKeyJwt | AuthMethod::SelfSignedTlsClientAuth)
                && !old.auth_method.is_attested()
                || method.is_attested() && old.auth_method.is_attested();
        if !keeps {
            known.jwks = None;
        }
        // One name stands for another, of whichever kind.
        if method != AuthMethod::TlsClientAuth || self.certificate_names() != Self::NO_NAMES {
            known = known.named(None);
        }
        // What follows from the method follows the new one.
        if method.is_attested() != old.auth_method.is_attested() {
            known.app_attestation_evidence = None;
        }
        // What follows from the grants follows the new ones.
        known.response_types = None;
        let (scope, grant_types) = (self.scope.is_some(), self.grant_types.is_some());
        let (mut app, secret) = self.over(known).replace(old, vault, now, random)?;
        // Whoever may say more than the app may also say what it can say from now on.
        if let Some(registration) = &mut app.registration {
            if scope {
                registration.scope.clone_from(&app.scope);
            }
            if grant_types {
                registration.grant_types.clone_from(&app.grant_types);
            }
        }
        Ok((app, secret))
    }

    /// The next version of `old`: what is not said takes its default, but for the method. A change of
    /// that makes a new secret where it needs one.
    pub(super) fn replace(
        self,
        old: &App,
        vault: &Vault,
        now: Timestamp,
        random: &mut dyn Random,
    ) -> Result<(App, Option<String>), RegistrationError> {
        let method = self.auth_method.unwrap_or(old.auth_method);
        let secret = if method == old.auth_method {
            None
        } else {
            NewSecret::make(&old.client_id, method, vault, random)?
        };
        let kept = match (&secret, method == old.auth_method) {
            (_, true) => old.secret.clone(),
            (Some(new), false) => Some(new.kept.clone()),
            (None, false) => None,
        };
        let keys = self.play_integrity(&old.client_id, Some(old), vault, random)?;
        let mut app = App {
            secret: kept,
            registration: old.registration.clone(),
            created_at: old.created_at,
            ..self.checked(old.client_id.clone(), method, now)?
        };
        app.attestation.play_integrity = keys;
        Ok((app, secret.map(|new| new.clear)))
    }

    /// Every member checked; the secret is the caller's to add.
    fn checked(
        self,
        client_id: ClientId,
        auth_method: AuthMethod,
        now: Timestamp,
    ) -> Result<App, RegistrationError> {
        let missing = |what: &str| RegistrationError(format!("{what} is missing"));
        let attestation = self.attestation_policy(auth_method)?;
        let tls_client_auth = checks::certificate_name(self.certificate_names(), auth_method)?;
        let certificate_bound = self.certificate_bound.unwrap_or(false);
        let name = self.client_name.ok_or_else(|| missing("the name"))?;
        let redirect_uris = each(self.redirect_uris, checks::redirect_uri)?;
        let first_party = self.first_party.unwrap_or(false);
        let grant_types =
            checks::grant_types(self.grant_types, auth_method, &redirect_uris, first_party)?;
        checks::response_types(self.response_types.as_deref(), &grant_types)?;
        let alg = checks::signing_alg;
        Ok(App {
            client_name: checks::name(&name)?,
            developer: checks::developer(self.developer, &client_id)?,
            auth_method,
            jwks: checks::jwks(self.jwks, auth_method)?,
            secret: None,
            scope: checks::scope(self.scope.as_deref().unwrap_or("openid"))?,
            dpop: checks::dpop(self.dpop, certificate_bound, auth_method)?,
            tls_client_auth,
            certificate_bound,
            attestation,
            redirect_uris,
            serves: checks::resources(self.serves)?,
            may_exchange_for: checks::resources(self.may_exchange_for)?,
            android_package: checks::dotted(self.android_package, "android_package", b'_')?,
            android_cert_sha256: each(self.android_cert_sha256, checks::digest)?,
            android_sms_hash: checks::sms_hash(self.android_sms_hash)?,
            apple_app_id: checks::dotted(self.apple_app_id, "apple_app_id", b'-')?,
            grant_types,
            access_token_format: self.access_token_format.unwrap_or_default(),
            require_pushed: self.require_pushed.unwrap_or(false),
            authorization_details_types: checks::detail_types(
                self.authorization_details_types.unwrap_or_default(),
            )?,
            sector_identifier: checks::sector(self.sector_identifier)?,
            id_token_signed_response_alg: alg(
                self.id_token_signed_response_alg,
                "id_token_signed_response_alg",
            )?,
            userinfo_signed_response_alg: alg(
                self.userinfo_signed_response_alg,
                "userinfo_signed_response_alg",
            )?,
            introspection_signed_response_alg: alg(
                self.introspection_signed_response_alg,
                "introspection_signed_response_alg",
            )?,
            default_max_age: self.default_max_age,
            post_logout_redirect_uris: each(self.post_logout_redirect_uris, checks::redirect_uri)?,
            backchannel_logout_uri: checks::web_uri(
                self.backchannel_logout_uri,
                "backchannel_logout_uri",
            )?,
            backchannel_logout_session_required: self
                .backchannel_logout_session_required
                .unwrap_or(false),
            client_uri: checks::web_uri(self.client_uri, "client_uri")?,
            policy_uri: checks::web_uri(self.policy_uri, "policy_uri")?,
            tos_uri: checks::web_uri(self.tos_uri, "tos_uri")?,
            first_party,
            registration: None,
            created_at: now,
            updated_at: now,
            client_id,
        })
    }
}

/// At most this many URIs or digests of a kind.
pub(super) const MAX_LISTED: usize = 32;

fn each(
    said: Option<Vec<String>>,
    check: fn(&str) -> Result<String, RegistrationError>,
) -> Result<Vec<String>, RegistrationError> {
    let said = said.unwrap_or_default();
    if said.len() > MAX_LISTED {
        return Err(RegistrationError(format!("at most {MAX_LISTED} of a kind can be registered")));
    }
    said.iter().map(|one| check(one)).collect()
}

/// Puts an app: a new one, or another version of one that is there.
#[derive(Clone, Debug)]
pub struct PutApp {
    /// The whole row.
    pub app: App,
    /// `true` to register: it must not exist; `false` to update: it must.
    pub new: bool,
}

/// What became of a [`PutApp`] or [`DeleteApp`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PutOutcome {
    /// Done.
    Done,
    /// Its `client_id` is taken.
    Exists,
    /// There is no such app.
    Unknown,
}

impl Operation for PutApp {
    type Outcome = PutOutcome;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::App(self.app.client_id.clone()));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let known = view.app(&self.app.client_id)?;
        let kind = match (self.new, known) {
            (true, Some(_)) => return Ok(Step::Done(Vec::new(), PutOutcome::Exists)),
            (false, None) => return Ok(Step::Done(Vec::new(), PutOutcome::Unknown)),
            (true, None) => "app.registered",
            (false, Some(_)) => "app.updated",
        };
        let event = AuditEvent {
            client_id: Some(self.app.client_id.clone()),
            ..AuditEvent::new(cx.now, kind)
        };
        let writes = vec![Write::App(Box::new(self.app.clone())), Write::Audit(event)];
        Ok(Step::Done(writes, PutOutcome::Done))
    }
}

/// Deletes an app. Its grants can no longer be used.
#[derive(Clone, Debug)]
pub struct DeleteApp(pub ClientId);

impl Operation for DeleteApp {
    type Outcome = PutOutcome;

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        if view.app(&self.0)?.is_none() {
            return Ok(Step::Done(Vec::new(), PutOutcome::Unknown));
        }
        let event = AuditEvent {
            client_id: Some(self.0.clone()),
            ..AuditEvent::new(cx.now, "app.deleted")
        };
        let writes = vec![Write::DeleteApp(self.0.clone()), Write::Audit(event)];
        Ok(Step::Done(writes, PutOutcome::Done))
    }
}

#[cfg(test)]
mod tests;
