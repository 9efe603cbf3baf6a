//! Which proof is good enough for which scope.

use std::collections::BTreeMap;

use twinpath_wire::oauth::ErrorCode;

use crate::grant::{ParameterError, Scope};
use crate::ids::Timestamp;
use crate::records::{Grant, Trust};

const DAY_S: i64 = 86_400;

/// Scopes that not every proof is good for. What is not named here is good with any.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProofPolicy(BTreeMap<String, Requirement>);

/// What a scope asks of the proof behind a grant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Requirement {
    /// The least trust of the route that the text came by.
    pub trust: Trust,
    /// For how many days the number must have been its account's.
    pub min_age_days: u32,
}

impl ProofPolicy {
    /// From configuration.
    pub fn new(scopes: BTreeMap<String, Requirement>) -> Self {
        Self(scopes)
    }

    /// What of `scope` a token for this grant may say now. By which route a text comes, and since when a
    /// number is known, is not the app's choice: the rest is left out, and the answer's `scope` tells
    /// (RFC 6749 5.1). `invalid_scope` if nothing is left. A number that has become old enough gets it with
    /// the next refresh.
    pub fn within(
        &self,
        scope: &Scope,
        grant: &Grant,
        now: Timestamp,
    ) -> Result<Scope, ParameterError> {
        let short = |token: &str| self.0.get(token).and_then(|rule| rule.short(grant, now));
        let good = |token: &&String| short(token).is_none();
        let left: Vec<_> = scope.tokens().iter().filter(good).cloned().collect();
        if left.len() == scope.tokens().len() {
            return Ok(scope.clone());
        }
        if left.is_empty() {
            let why = scope.tokens().iter().find_map(|token| short(token)).unwrap_or_default();
            let description = format!("this scope needs {why}");
            return Err(ParameterError { code: ErrorCode::InvalidScope, description });
        }
        Ok(scope.clone().retain(&left))
    }
}

impl Requirement {
    /// What the proof lacks, if anything.
    fn short(self, grant: &Grant, now: Timestamp) -> Option<String> {
        if grant.trust < self.trust {
            return Some(format!("a text by a better route than {}", grant.trust.as_str()));
        }
        let old = grant.known_since().plus_seconds(i64::from(self.min_age_days) * DAY_S);
        (now < old).then(|| {
            format!("a number that has been proven here for {} days or more", self.min_age_days)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{Commitment, Model, issued};
    use crate::records::Terms;

    fn policy(scopes: &[(&str, Trust, u32)]) -> ProofPolicy {
        let one = |(name, trust, min_age_days): &(&str, _, _)| {
            ((*name).to_owned(), Requirement { trust: *trust, min_age_days: *min_age_days })
        };
        ProofPolicy::new(scopes.iter().map(one).collect())
    }

    fn grant(trust: Trust) -> Grant {
        let mut model = Model::new();
        let grant = issued(model.sign_in(&Commitment::new("weather", "k1", 0), 0)).grant;
        Grant { trust, auth_time: Timestamp(0), ..grant }
    }

    fn within(policy: &ProofPolicy, scope: &str, grant: &Grant, now: i64) -> Option<String> {
        let scope = Scope::parse(scope).unwrap();
        policy.within(&scope, grant, Timestamp(0).plus_seconds(now)).ok().map(|scope| scope.join())
    }

    #[test]
    fn what_a_route_is_not_believed_enough_for_is_left_out() {
        let policy = policy(&[("pay", Trust::Operator, 0), ("phone", Trust::Aggregator, 0)]);
        let within = |scope: &str, trust| within(&policy, scope, &grant(trust), 0);
        let said = |scope: &str| Some(scope.to_owned());
        assert_eq!(within("openid pay phone", Trust::Operator), said("openid pay phone"));
        assert_eq!(within("openid pay phone", Trust::Aggregator), said("openid phone"));
        assert_eq!(within("openid pay phone", Trust::Test), said("openid"));
        assert_eq!(within("pay", Trust::Operator), said("pay"));
        assert_eq!(within("pay", Trust::Aggregator), None);
        assert_eq!(within("pay phone", Trust::Test), None);
        assert_eq!(within("openid", Trust::Test), said("openid"));
    }

    #[test]
    fn what_a_number_is_too_new_for_is_left_out_until_it_is_not() {
        let policy = policy(&[("pay", Trust::Test, 30), ("phone", Trust::Test, 1)]);
        let new = grant(Trust::Operator);
        let said = |scope: &str| Some(scope.to_owned());
        assert_eq!(within(&policy, "openid pay phone", &new, 0), said("openid"));
        assert_eq!(within(&policy, "openid pay phone", &new, DAY_S - 1), said("openid"));
        assert_eq!(within(&policy, "openid pay phone", &new, DAY_S), said("openid phone"));
        assert_eq!(within(&policy, "pay", &new, 30 * DAY_S - 1), None);
        assert_eq!(within(&policy, "pay", &new, 30 * DAY_S), said("pay"));
        // The grant is new, the number is not.
        let known_since = Some(Timestamp(0).plus_seconds(-29 * DAY_S));
        let terms = Some(Box::new(Terms { known_since, ..Terms::default() }));
        let known = Grant { terms, ..new };
        assert_eq!(within(&policy, "pay", &known, DAY_S - 1), None);
        assert_eq!(within(&policy, "pay", &known, DAY_S), said("pay"));
    }

    #[test]
    fn both_are_asked_and_what_is_short_is_told() {
        let policy = policy(&[("pay", Trust::Operator, 30)]);
        let told = |trust, days| {
            let scope = Scope::parse("pay").unwrap();
            let now = Timestamp(0).plus_seconds(days * DAY_S);
            policy.within(&scope, &grant(trust), now).map_err(|error| error.description)
        };
        assert_eq!(
            told(Trust::Aggregator, 40),
            Err("this scope needs a text by a better route than aggregator".to_owned())
        );
        assert_eq!(
            told(Trust::Operator, 29),
            Err("this scope needs a number that has been proven here for 30 days or more"
                .to_owned())
        );
        assert!(told(Trust::Operator, 30).is_ok());
    }
}
