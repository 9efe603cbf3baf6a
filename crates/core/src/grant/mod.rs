//! Grants after they are made: their opaque tokens, refreshing, revoking, inspecting.

mod access_handle;
mod client_credentials;
mod details;
mod inspect;
mod issue;
mod opaque;
mod proof_policy;
mod refresh;
mod request;
mod revoke;
mod revoke_by_text;
mod spend;
mod token_exchange;

pub use access_handle::AccessHandle;
pub use client_credentials::own_authorization;
pub use details::{DetailTypeError, DetailTypeSource, DetailTypes, details_within};
pub use inspect::{Inspect, InspectToken, Inspected};
#[cfg(test)]
pub(crate) use issue::APP_GRANTS;
pub(crate) use issue::NewGrant;
pub use opaque::{Handle, Minted, RefreshToken};
pub(crate) use opaque::{frame, unframe};
pub use proof_policy::{ProofPolicy, Requirement};
pub use refresh::{Narrowed, Refresh, RefreshRequest, Refreshed};
pub(crate) use request::absolute;
pub use request::{ParameterError, Resources, Scope};
pub use revoke::{RevokeAccessToken, RevokeGrant, revoke, revoke_grant};
pub use revoke_by_text::{RevokeByText, RevokedByText};
pub use spend::{Replay, Spend, Spends};
pub use token_exchange::{Delegated, ExchangeRequest, unusable};
