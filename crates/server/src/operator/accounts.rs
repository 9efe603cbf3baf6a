//! Accounts and their grants. Numbers are masked in every answer: whoever may see one whole has it
//! already.

use serde::Serialize;
use twinpath_core::account::{Action, Manage, Profile};
use twinpath_core::grant::RevokeGrant;
use twinpath_core::ids::{AccountId, GrantId, TerminalKey};
use twinpath_core::number::E164;
use twinpath_core::records::{self, AccountStatus, Trust};
use utoipa::ToSchema;

use super::{Operator, OperatorError, unknown};

/// An account.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Account {
    /// Its id, `acc_...`.
    pub account: String,
    /// Its number, masked: country code and the last two digits.
    pub terminal: String,
    /// Whether it can be used.
    pub status: AccountState,
    /// First proof, in seconds since 1970.
    pub created_at: i64,
    /// Latest proof of its number, in seconds since 1970.
    pub proven_at: i64,
    /// Its live grants.
    pub grants: Vec<Grant>,
    /// How many grants this request revoked.
    pub grants_revoked: usize,
}

/// Whether an account can be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AccountState {
    /// In use.
    Active,
    /// By an operator: every authorization and refresh is refused.
    Blocked,
    /// Its number was dormant and now belongs to a newer account.
    Replaced,
    /// Forgotten by this request.
    Erased,
}

impl From<AccountStatus> for AccountState {
    fn from(status: AccountStatus) -> Self {
        match status {
            AccountStatus::Active => Self::Active,
            AccountStatus::Blocked => Self::Blocked,
            AccountStatus::Replaced => Self::Replaced,
        }
    }
}

/// What an account allowed one installation of an app.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Grant {
    /// Its id, `grant_...`.
    pub grant: String,
    /// The app.
    pub client_id: String,
    /// RFC 7638 thumbprint of the installation's key; empty for an app without `DPoP`.
    pub jkt: String,
    /// What was granted, separated by spaces.
    pub scope: String,
    /// The resources (RFC 8707) it is for; none means the issuer.
    pub resources: Vec<String>,
    /// The route that proved the number.
    pub route: String,
    /// How far that route is believed.
    #[schema(value_type = String, pattern = "^(test|aggregator|operator)$")]
    pub trust: Trust,
    /// When the number was proven, in seconds since 1970.
    pub auth_time: i64,
    /// When refreshing ends, in seconds since 1970.
    pub expires_at: i64,
}

/// The live grants of an account.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Grants {
    /// The grants, in no particular order.
    pub grants: Vec<Grant>,
}

impl From<&records::Grant> for Grant {
    fn from(grant: &records::Grant) -> Self {
        Self {
            grant: grant.id.to_string(),
            client_id: grant.client_id.to_string(),
            jkt: grant.jkt.clone(),
            scope: grant.scope.clone(),
            resources: grant.resources.clone(),
            route: grant.route.0.to_string(),
            trust: grant.trust,
            auth_time: grant.auth_time.seconds(),
            expires_at: grant.expires_at.seconds(),
        }
    }
}

impl Operator<'_> {
    /// The present account of a number.
    pub async fn account_of(&self, number: &str) -> Result<Account, OperatorError> {
        let Some(number) = E164::parse(number) else {
            return Err(OperatorError::Malformed(
                "a number is + and 8 to 15 digits: +447911123456".to_owned(),
            ));
        };
        let terminal = self.vault.terminal_key(&number);
        let profile = self.profile(terminal, None, Action::Show).await?;
        self.describe(&profile, Action::Show)
    }

    /// Does something with an account; [`Action::Show`] only looks.
    pub async fn account(&self, id: &str, action: Action) -> Result<Account, OperatorError> {
        let (terminal, id) = self.find_account(id).await?;
        let profile = self.profile(terminal, Some(id), action).await?;
        self.describe(&profile, action)
    }

    /// The live grants of an account.
    pub async fn grants(&self, account: &str) -> Result<Grants, OperatorError> {
        Ok(Grants { grants: self.account(account, Action::Show).await?.grants })
    }

    /// One live grant.
    pub async fn grant(&self, account: &str, grant: &str) -> Result<Grant, OperatorError> {
        let grants = self.account(account, Action::Show).await?.grants;
        match grants.into_iter().find(|known| known.grant == grant) {
            Some(grant) => Ok(grant),
            None => unknown(format!("this account has no live grant {grant:?}")),
        }
    }

    /// Revokes one grant, with its refresh and access tokens.
    pub async fn revoke_grant(&self, account: &str, grant: &str) -> Result<(), OperatorError> {
        let none = || OperatorError::Unknown(format!("this account has no live grant {grant:?}"));
        let id = GrantId::parse(grant).ok_or_else(none)?;
        let (terminal, account) = self.find_account(account).await?;
        let profile = self.profile(terminal, Some(account), Action::Show).await?;
        // The same number may have grants of other accounts, before and after this one.
        let known = profile.grants.iter().find(|known| known.id == id).ok_or_else(none)?;
        let revoke = RevokeGrant { terminal, grant: id, reason: "operator" };
        if !self.store.run(revoke).await? {
            return Err(none());
        }
        if let Some(platform) = self.platform {
            platform.tell_of_grants(std::slice::from_ref(known));
        }
        Ok(())
    }

    async fn profile(
        &self,
        terminal: TerminalKey,
        account: Option<AccountId>,
        action: Action,
    ) -> Result<Profile, OperatorError> {
        let manage = Manage { terminal, account, action };
        let Some(profile) = self.store.run(manage).await? else {
            return unknown("there is no such account");
        };
        if let Some(platform) = self.platform {
            platform.tell_of_account(&profile.lost);
        }
        Ok(profile)
    }

    async fn find_account(&self, id: &str) -> Result<(TerminalKey, AccountId), OperatorError> {
        let Some(id) = AccountId::parse(id) else {
            return unknown("there is no such account: an account's id is acc_...");
        };
        match self.store.find_account(id).await? {
            Some(account) => Ok((account.terminal, id)),
            None => unknown("there is no such account"),
        }
    }

    fn describe(&self, profile: &Profile, action: Action) -> Result<Account, OperatorError> {
        let account = &profile.account;
        let number = self.vault.open_number(account.terminal, &profile.number)?;
        let ended = matches!(action, Action::Revoke | Action::Erase);
        let erased = action == Action::Erase;
        Ok(Account {
            account: account.id.to_string(),
            terminal: number.hint(),
            status: if erased { AccountState::Erased } else { account.status.into() },
            created_at: account.created_at.seconds(),
            proven_at: profile.terminal.proven_at.seconds(),
            grants: if ended {
                Vec::new()
            } else {
                profile.grants.iter().map(Grant::from).collect()
            },
            grants_revoked: if ended { profile.grants.len() } else { 0 },
        })
    }
}
