//! Requests for tests.

use crate::authorization::{Parameters, Rules};
use crate::fixtures::{START, Seeded};
use crate::grant::DetailTypes;
use crate::outbound::ConfirmPolicy;
use crate::token::{KeyPolicy, KeyRing, SigningAlgorithm, new_signing_key};
use crate::vault::Vault;

/// A `code_challenge` (RFC 7636 B).
pub(super) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Parameters as they came.
pub(super) struct Form(Vec<(&'static str, String)>);

impl Form {
    pub(super) fn of(parameters: &[(&'static str, &str)]) -> Self {
        Self(parameters.iter().map(|(name, value)| (*name, (*value).to_owned())).collect())
    }
}

impl Parameters for Form {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(known, _)| *known == name).map(|(_, value)| value.clone()).collect()
    }
}

/// No resources, no types.
pub(crate) fn rules(vault: &Vault) -> Rules<'_> {
    static UNCONFIRMED: std::sync::LazyLock<ConfirmPolicy> =
        std::sync::LazyLock::new(ConfirmPolicy::default);
    static NONE: std::sync::LazyLock<DetailTypes> = std::sync::LazyLock::new(DetailTypes::default);
    Rules {
        resources: &[],
        details: &NONE,
        vault,
        keys: keys(vault),
        confirm: &UNCONFIRMED,
        confirmable: false,
    }
}

fn keys(vault: &Vault) -> KeyRing {
    let alg = SigningAlgorithm::Es256;
    let key = new_signing_key(alg, vault, START, &mut Seeded(1)).unwrap();
    let policy =
        KeyPolicy { algorithms: vec![alg], rotate_s: 0, announce_s: 86_400, retire_s: 172_800 };
    KeyRing::open(&[key], vault, &policy, START).unwrap()
}
