//! The audit trail, read back page by page.

use serde::Serialize;
use twinpath_store::AuditLine;
use utoipa::ToSchema;

use super::{MAX_PAGE, Operator, OperatorError};

/// One line: who got or lost what, never a number or a secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditEvent {
    /// Its place in the trail: a number of up to 19 digits, as a string because not every reader of
    /// JSON keeps so large a number.
    pub id: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// What: a stable dotted name such as `grant.issued`.
    pub kind: String,
    /// The app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// The route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Why, in a stable word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The installation: its key's thumbprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// What vouched for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
}

/// A page of the audit trail, the oldest line first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditTrail {
    /// The lines looked at that pass the filters: perhaps none, though more follow.
    pub events: Vec<AuditEvent>,
    /// What to say as `after` for the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Which lines are wanted. The store has no index for this: a page of lines is looked at, and those
/// that do not match are left out.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Of this kind, or of all kinds that begin so: `grant` is all of `grant.*`.
    pub kind: Option<String>,
    /// Of this app.
    pub client_id: Option<String>,
    /// Of this account, `acc_...`.
    pub account: Option<String>,
}

impl AuditFilter {
    fn passes(&self, line: &AuditLine) -> bool {
        let kind = self.kind.as_deref().is_none_or(|kind| {
            line.kind
                .strip_prefix(kind)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        let app = self
            .client_id
            .as_deref()
            .is_none_or(|id| line.client_id.as_ref().is_some_and(|known| known.as_str() == id));
        let account = self.account.as_deref().is_none_or(|id| line.account.as_deref() == Some(id));
        kind && app && account
    }
}

impl From<AuditLine> for AuditEvent {
    fn from(line: AuditLine) -> Self {
        Self {
            id: line.id.to_string(),
            at: line.at.0,
            kind: line.kind,
            client_id: line.client_id.map(|id| id.to_string()),
            account: line.account,
            grant: line.grant,
            route: line.route,
            reason: line.reason,
            instance: line.instance,
            evidence: line.evidence,
        }
    }
}

impl Operator<'_> {
    /// Looks at up to `limit` lines after one (0: from the beginning).
    pub async fn audit(
        &self,
        after: i64,
        limit: usize,
        filter: &AuditFilter,
    ) -> Result<AuditTrail, OperatorError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let lines = self.store.audit(after, limit).await?;
        let full = lines.len() >= limit;
        let next = lines.last().filter(|_| full).map(|line| line.id.to_string());
        Ok(AuditTrail { events: passed(lines, filter), next })
    }

    /// Looks at the last `limit` lines.
    pub async fn audit_newest(
        &self,
        limit: usize,
        filter: &AuditFilter,
    ) -> Result<AuditTrail, OperatorError> {
        let lines = self.store.audit_newest(limit.clamp(1, MAX_PAGE)).await?;
        Ok(AuditTrail { events: passed(lines, filter), next: None })
    }
}

fn passed(lines: Vec<AuditLine>, filter: &AuditFilter) -> Vec<AuditEvent> {
    lines.into_iter().filter(|line| filter.passes(line)).map(AuditEvent::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinpath_core::ids::{ClientId, Timestamp};

    #[test]
    fn every_filter_that_is_said_must_pass() {
        let line = AuditLine {
            id: 1,
            at: Timestamp(0),
            kind: "grant.issued".to_owned(),
            client_id: ClientId::new("weather"),
            account: Some("acc_x".to_owned()),
            grant: None,
            route: None,
            reason: None,
            instance: None,
            evidence: None,
        };
        let passes = |kind: &str, client_id: &str, account: &str| {
            let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let (kind, client_id, account) = (said(kind), said(client_id), said(account));
            AuditFilter { kind, client_id, account }.passes(&line)
        };
        assert!(passes("", "", ""));
        assert!(passes("grant", "", "") && passes("grant.issued", "weather", "acc_x"));
        assert!(!passes("gran", "", "") && !passes("grant.issued.x", "", ""));
        assert!(!passes("", "maps", "") && !passes("grant", "weather", "acc_y"));
    }
}
