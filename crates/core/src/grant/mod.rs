//! Grants after they are made: their opaque tokens, refreshing, revoking, inspecting.

mod details;
mod inspect;
mod issue;
mod opaque;
mod refresh;
mod request;
mod revoke;
mod spend;

pub use details::{DetailTypeError, DetailTypeSource, DetailTypes, details_within};
pub use inspect::{Inspect, Inspected};
#[cfg(test)]
pub(crate) use issue::APP_GRANTS;
pub(crate) use issue::NewGrant;
pub use opaque::{Handle, Minted, RefreshToken, access_token_handle, read_access_token_handle};
pub use refresh::{Narrowed, Refresh, RefreshRequest, Refreshed};
pub(crate) use request::absolute;
pub use request::{ParameterError, Resources, Scope};
pub use revoke::{RevokeAccessToken, RevokeGrant, revoke, revoke_grant};
pub(crate) use spend::Spending;
pub use spend::{Replay, Spend, Spends};
