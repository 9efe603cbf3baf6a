//! Developers: nothing is kept of them but their name at each of their apps, from which `union_id` is
//! derived. So they are found by going through the apps, and cannot be renamed: another name would be
//! another union.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{MAX_PAGE, Operator, OperatorError, unknown};

/// A developer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Developer {
    /// The name, as the apps are registered with it.
    pub developer: String,
    /// The apps, by `client_id`. A user has the same `union_id` at all of them, and no other app.
    pub apps: Vec<String>,
}

/// A page of developers, by name.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Developers {
    /// The developers.
    pub developers: Vec<Developer>,
    /// What to say as `after` for the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Operator<'_> {
    /// The developers after a name, at most `limit`. Goes through all apps.
    pub async fn developers(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Developers, OperatorError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let all = self.all_developers().await?;
        let mut rest =
            all.into_iter().filter(|(name, _)| after.is_none_or(|at| name.as_str() > at));
        let page = rest.by_ref().take(limit);
        let developers: Vec<_> =
            page.map(|(developer, apps)| Developer { developer, apps }).collect();
        let more = rest.next().is_some();
        let next = developers.last().filter(|_| more).map(|last| last.developer.clone());
        Ok(Developers { developers, next })
    }

    /// One developer. Goes through all apps.
    pub async fn developer(&self, name: &str) -> Result<Developer, OperatorError> {
        match self.all_developers().await?.remove(name) {
            Some(apps) => Ok(Developer { developer: name.to_owned(), apps }),
            None => unknown(format!("there is no developer {name:?}")),
        }
    }

    async fn all_developers(&self) -> Result<BTreeMap<String, Vec<String>>, OperatorError> {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.app_rows(after.as_deref(), MAX_PAGE).await?;
            after = page.last().map(|app| app.client_id.to_string());
            if after.is_none() {
                return Ok(all);
            }
            for app in page {
                all.entry(app.developer).or_default().push(app.client_id.to_string());
            }
        }
    }
}
