//! Limits by what texts and authorizations have in common: a route, a block of numbers, an app. Kept in
//! memory, bounded, at each node.
//!
//! What counts is what was achieved: a text that was recorded, a grant that was made. Whoever only tries
//! uses up nothing of those who come after.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use twinpath_core::ids::{ClientId, RouteName, Timestamp};
use twinpath_core::number::E164;

use crate::config;

/// Keys watched at most; beyond that all are forgotten.
const WATCHED: usize = 100_000;

/// Events of each key, within a time from its first.
#[derive(Debug)]
struct Window<K> {
    /// 0 for none.
    limit: u32,
    length_s: i64,
    seen: Mutex<HashMap<K, (Timestamp, u32)>>,
}

impl<K: Hash + Eq> Window<K> {
    fn new(limit: u32, length_s: i64) -> Self {
        Self { limit, length_s, seen: Mutex::default() }
    }

    /// If one more would be too many: after how many seconds it is not.
    fn full(&self, key: &K, now: Timestamp) -> Option<u64> {
        if self.limit == 0 {
            return None;
        }
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = seen.get(key)?;
        let left = since.plus_seconds(self.length_s).seconds().saturating_sub(now.seconds());
        (*count >= self.limit && left > 0).then(|| u64::try_from(left).unwrap_or(1))
    }

    fn count(&self, key: K, now: Timestamp) {
        if self.limit == 0 {
            return;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= WATCHED && !seen.contains_key(&key) {
            seen.retain(|_, (since, _)| now < since.plus_seconds(self.length_s));
            if seen.len() >= WATCHED {
                seen.clear();
            }
        }
        let (since, count) = seen.entry(key).or_insert((now, 0));
        if now >= since.plus_seconds(self.length_s) {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
    }
}

/// The first digits of a number: the block it lies in.
pub(super) fn block(number: &E164, digits: usize) -> Box<str> {
    number.as_str().get(..=digits).unwrap_or(number.as_str()).into()
}

/// Texts that were recorded, by route and by block of numbers.
#[derive(Debug)]
pub struct TextLimits {
    routes: Window<RouteName>,
    blocks: Window<Box<str>>,
    digits: usize,
}

impl TextLimits {
    /// As configured.
    pub fn new(config: &config::Abuse) -> Self {
        Self {
            routes: Window::new(config.texts_per_route_per_minute, 60),
            blocks: Window::new(config.texts_per_prefix_per_hour, 3600),
            digits: config.prefix_digits,
        }
    }

    /// Why one more text is not recorded, in a stable word.
    pub fn refusal(
        &self,
        route: &RouteName,
        number: &E164,
        now: Timestamp,
    ) -> Option<&'static str> {
        if self.routes.full(route, now).is_some() {
            return Some("over_route_limit");
        }
        let block = block(number, self.digits);
        self.blocks.full(&block, now).map(|_| "over_prefix_limit")
    }

    /// Counts one that was recorded.
    pub fn count(&self, route: &RouteName, number: &E164, now: Timestamp) {
        self.routes.count(route.clone(), now);
        self.blocks.count(block(number, self.digits), now);
    }
}

/// Authorizations that were made, by app.
#[derive(Debug)]
pub struct AppLimits {
    authorizations: Window<ClientId>,
    accounts: Window<ClientId>,
}

impl AppLimits {
    /// As configured.
    pub fn new(config: &config::Abuse) -> Self {
        Self {
            authorizations: Window::new(config.authorizations_per_app_per_hour, 3600),
            accounts: Window::new(config.accounts_per_app_per_hour, 3600),
        }
    }

    /// Whether it has to be known if an account is new before it is made.
    pub fn asks_for_accounts(&self) -> bool {
        self.accounts.limit > 0
    }

    /// If the app may have no more authorizations: when it may.
    pub fn full(&self, app: &ClientId, now: Timestamp) -> Option<u64> {
        self.authorizations.full(app, now)
    }

    /// If it may have no more that create accounts: when it may.
    pub fn full_of_accounts(&self, app: &ClientId, now: Timestamp) -> Option<u64> {
        self.accounts.full(app, now)
    }

    /// Counts one that was made.
    pub fn count(&self, app: &ClientId, new_account: bool, now: Timestamp) {
        self.authorizations.count(app.clone(), now);
        if new_account {
            self.count_account(app, now);
        }
    }

    /// Counts an account that was made before the authorization is: at the sign-in page.
    pub fn count_account(&self, app: &ClientId, now: Timestamp) {
        self.accounts.count(app.clone(), now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn a_block_or_a_route_that_texts_too_much_is_refused_and_no_other() {
        let config = config::Abuse {
            texts_per_route_per_minute: 3,
            texts_per_prefix_per_hour: 2,
            prefix_digits: 8,
            ..config::Abuse::default()
        };
        let limits = TextLimits::new(&config);
        let (route, other) = (RouteName::from("a"), RouteName::from("b"));
        let number = |text| E164::parse(text).unwrap();
        let at = |seconds| NOW.plus_seconds(seconds);
        let (one, next) = (number("+447911120001"), number("+447911129999"));
        for text in [&one, &next] {
            assert_eq!(limits.refusal(&route, text, at(0)), None);
            limits.count(&route, text, at(0));
        }
        // The same block, over another route as well.
        assert_eq!(limits.refusal(&other, &one, at(0)), Some("over_prefix_limit"));
        let far = number("+447911130001");
        assert_eq!(limits.refusal(&route, &far, at(0)), None);
        limits.count(&route, &far, at(0));
        assert_eq!(
            limits.refusal(&route, &number("+8613800138078"), at(59)),
            Some("over_route_limit")
        );
        assert_eq!(limits.refusal(&other, &far, at(59)), None);
        assert_eq!(limits.refusal(&route, &far, at(60)), None);
        assert_eq!(limits.refusal(&other, &one, at(3599)), Some("over_prefix_limit"));
        assert_eq!(limits.refusal(&other, &one, at(3600)), None);
    }

    #[test]
    fn no_limit_counts_nothing_and_memory_is_bounded() {
        let none = Window::new(0, 60);
        none.count(1, NOW);
        assert!(none.full(&1, NOW).is_none() && none.seen.lock().unwrap().is_empty());
        let window = Window::new(1, 60);
        for key in 0..WATCHED + 10 {
            window.count(key, NOW);
        }
        assert!(window.seen.lock().unwrap().len() <= WATCHED);
        assert_eq!(window.full(&(WATCHED + 9), NOW.plus_seconds(20)), Some(40));
    }

    #[test]
    fn an_app_is_told_when_it_may_have_more() {
        let config = config::Abuse {
            authorizations_per_app_per_hour: 2,
            accounts_per_app_per_hour: 1,
            ..config::Abuse::default()
        };
        let limits = AppLimits::new(&config);
        let (one, other) = (ClientId::new("a").unwrap(), ClientId::new("b").unwrap());
        limits.count(&one, true, NOW);
        assert_eq!(limits.full(&one, NOW), None);
        assert_eq!(limits.full_of_accounts(&one, NOW.plus_seconds(600)), Some(3000));
        limits.count(&one, false, NOW);
        assert_eq!(limits.full(&one, NOW), Some(3600));
        assert_eq!((limits.full(&other, NOW), limits.full_of_accounts(&other, NOW)), (None, None));
    }
}
