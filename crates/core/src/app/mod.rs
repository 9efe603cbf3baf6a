//! Apps: how they are registered, and the checker that holds a request against the registration.

mod authenticate;
mod registered;
mod registration;

pub use authenticate::{AuthError, Authenticated, Claimed, Credentials};
pub use registered::Registered;
pub use registration::{
    DeleteApp, NewApp, NewSecret, PutApp, PutOutcome, RegistrationError, client_metadata,
};
