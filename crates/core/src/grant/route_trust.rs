//! Which route is believed enough for which scope.

use std::collections::BTreeMap;

use twinpath_wire::oauth::ErrorCode;

use crate::grant::{ParameterError, Scope};
use crate::records::Trust;

/// Scopes that not every proof is good for: for each, the least trust of the route that the text came
/// by. What is not named here is good with any.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TrustPolicy(BTreeMap<String, Trust>);

impl TrustPolicy {
    /// From configuration.
    pub fn new(scopes: BTreeMap<String, Trust>) -> Self {
        Self(scopes)
    }

    /// What of `scope` a token may say for a terminal that was proven by a route of `trust`. By which
    /// route a text comes is not the app's choice: the rest is left out, and the answer's `scope` tells
    /// (RFC 6749 5.1). `invalid_scope` if nothing is left.
    pub fn within(&self, scope: &Scope, trust: Trust) -> Result<Scope, ParameterError> {
        let good = |token: &&String| self.0.get(*token).is_none_or(|least| trust >= *least);
        let left: Vec<_> = scope.tokens().iter().filter(good).cloned().collect();
        if left.len() == scope.tokens().len() {
            return Ok(scope.clone());
        }
        if left.is_empty() {
            let description =
                format!("this scope needs a text by a better route than {}", trust.as_str());
            return Err(ParameterError { code: ErrorCode::InvalidScope, description });
        }
        Ok(scope.clone().retain(&left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_route_is_not_believed_enough_for_is_left_out() {
        let scopes = [("pay", Trust::Operator), ("phone", Trust::Aggregator)];
        let policy = TrustPolicy::new(scopes.map(|(name, trust)| (name.to_owned(), trust)).into());
        let within = |scope: &str, trust| {
            policy.within(&Scope::parse(scope).unwrap(), trust).ok().map(|scope| scope.join())
        };
        let said = |scope: &str| Some(scope.to_owned());
        assert_eq!(within("openid pay phone", Trust::Operator), said("openid pay phone"));
        assert_eq!(within("openid pay phone", Trust::Aggregator), said("openid phone"));
        assert_eq!(within("openid pay phone", Trust::Test), said("openid"));
        assert_eq!(within("pay", Trust::Operator), said("pay"));
        assert_eq!(within("pay", Trust::Aggregator), None);
        assert_eq!(within("pay phone", Trust::Test), None);
        assert_eq!(within("openid", Trust::Test), said("openid"));
    }
}
