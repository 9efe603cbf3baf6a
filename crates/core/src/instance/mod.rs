//! Installations of apps: which of them may act, with what evidence, and what operators do with one.
//!
//! | room | what it decides |
//! |---|---|
//! | `admit` | whether a key that an attester vouches for may be used |
//! | `operate` | naming, blocking and revoking one |
//! | `policy` | which evidence is enough for which scope |

mod admit;
mod operate;
mod policy;

pub use admit::{Admission, Admit, Look, Voucher, admission};
pub use operate::{InstanceAction, OperateInstance};
pub use policy::{ScopePolicy, ScopeRule};
