//! Apps: how they are registered, and the checker that holds a request against the registration.

mod attestation;
mod attested;
mod authenticate;
mod certificate;
mod checks;
mod checksum;
mod configuration;
mod initial_token;
mod metadata;
mod registered;
mod registration;
mod self_registration;

pub use attested::{
    AttestationError, AttesterError, ExternalAttester, MAX_ATTESTER_KEYS, Possession, REGISTERED,
    Trusted, Vouched, claimed_app, vouch,
};
pub use authenticate::{AuthError, Authenticated, Claimed, Credentials};
pub use certificate::{
    CertificateError, ClientCertificate, ClientRoots, MAX_CERTIFICATE, MAX_CHAIN, Presented,
    RootError,
};
pub use configuration::{Configure, Configured, Wish};
pub use initial_token::{
    InitialTerms, InitialToken, MAX_DAYS, MAX_USES, RecordInitialToken, RevokeInitialToken,
    initial_token_id,
};
pub use metadata::{ClientMetadata, client_metadata};
pub use registered::Registered;
pub use registration::{DeleteApp, NewSecret, PutApp, PutOutcome, RegistrationError};
pub use self_registration::{Leave, MetadataError, SelfRegister, SelfRegistered, Told};
