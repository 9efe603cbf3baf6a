//! Which evidence is enough for which scope.

use std::collections::BTreeMap;
use std::sync::Arc;

use twinpath_wire::oauth::ErrorCode;

use crate::grant::{ParameterError, Scope};
use crate::records::Evidence;

/// Scopes that not every installation may have: for each, the evidence that is enough. What is not named
/// here asks for nothing beyond what its app asks for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ScopePolicy(BTreeMap<String, Vec<Evidence>>);

impl ScopePolicy {
    /// From configuration.
    pub fn new(scopes: BTreeMap<String, Vec<Evidence>>) -> Self {
        Self(scopes)
    }

    fn allows(&self, token: &str, evidence: Evidence) -> bool {
        self.0.get(token).is_none_or(|policy| evidence.suffices(policy))
    }

    /// Holds what a request asks for against what vouches for its installation. What it said itself is
    /// granted or refused; what it did not say is granted as far as it may be.
    pub fn grant(
        &self,
        scope: Scope,
        said: bool,
        evidence: Evidence,
    ) -> Result<Scope, ParameterError> {
        let short: Vec<_> =
            scope.tokens().iter().filter(|token| !self.allows(token, evidence)).cloned().collect();
        let Some(first) = short.first() else { return Ok(scope) };
        if said {
            return Err(self.refuse(first, evidence));
        }
        let left: Vec<_> =
            scope.tokens().iter().filter(|token| !short.contains(token)).cloned().collect();
        if left.is_empty() { Err(self.refuse(first, evidence)) } else { Ok(scope.retain(&left)) }
    }

    fn refuse(&self, token: &str, evidence: Evidence) -> ParameterError {
        let policy = self.0.get(token).map_or(&[][..], Vec::as_slice);
        let wanted: Vec<_> = policy.iter().map(|evidence| evidence.as_str()).collect();
        let description = format!(
            "scope '{token}' needs an installation with evidence {}; this one has {}",
            wanted.join(" or "),
            evidence.as_str()
        );
        ParameterError { code: ErrorCode::InvalidScope, description }
    }
}

/// What one installation may have.
#[derive(Clone, Debug, Default)]
pub struct ScopeRule {
    /// The platform's.
    pub policy: Arc<ScopePolicy>,
    /// What vouches for the installation.
    pub evidence: Evidence,
}

impl ScopeRule {
    /// What of `scope` it gets; `said`: whether its request named this scope itself.
    pub fn grant(&self, scope: Scope, said: bool) -> Result<Scope, ParameterError> {
        self.policy.grant(scope, said, self.evidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_refused_and_what_was_not_is_left_out() {
        let scopes = [("payments".to_owned(), vec![Evidence::Strongbox, Evidence::AppAttest])];
        let policy = ScopePolicy::new(scopes.into());
        let grant = |scope: &str, said, evidence| {
            policy.grant(Scope::parse(scope).unwrap(), said, evidence).map(|scope| scope.join())
        };
        for evidence in Evidence::ALL {
            let enough = matches!(evidence, Evidence::Strongbox | Evidence::AppAttest);
            assert_eq!(grant("openid phone", true, evidence).unwrap(), "openid phone");
            let both = if enough { "openid payments" } else { "openid" };
            assert_eq!(grant("openid payments", false, evidence).unwrap(), both);
            for (scope, said) in [("openid payments", true), ("payments", false)] {
                match grant(scope, said, evidence) {
                    Ok(granted) => assert!(enough && granted == scope),
                    Err(error) => {
                        assert!(!enough);
                        assert_eq!(error.code, ErrorCode::InvalidScope);
                        assert!(error.description.contains("strongbox or app_attest"));
                    }
                }
            }
        }
    }
}
