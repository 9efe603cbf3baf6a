//! Apps: how they are registered, and the checker that holds a request against the registration.

mod authenticate;
mod certificate;
mod checks;
mod metadata;
mod registered;
mod registration;

pub use authenticate::{AuthError, Authenticated, Claimed, Credentials};
pub use certificate::{
    CertificateError, ClientCertificate, ClientRoots, MAX_CERTIFICATE, MAX_CHAIN, Presented,
    RootError,
};
pub use metadata::{ClientMetadata, client_metadata};
pub use registered::Registered;
pub use registration::{DeleteApp, NewSecret, PutApp, PutOutcome, RegistrationError};
