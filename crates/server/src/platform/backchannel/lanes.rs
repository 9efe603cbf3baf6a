//! Who is called next: apps in turn, one call to each at a time, so that an app that does not answer
//! holds up itself only.

use std::collections::{HashMap, VecDeque};

use twinpath_core::ids::ClientId;

use super::Notice;

/// Notices that wait, by app.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    /// Of an app that is called or waits its turn; empty if its last one is under way.
    waiting: HashMap<ClientId, VecDeque<Notice>>,
    /// Apps that may be called, in turn.
    turns: VecDeque<ClientId>,
    count: usize,
}

/// How many notices wait for one app.
pub(super) const PER_APP: usize = 1000;

impl Lanes {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Adds one; `false` if too many wait for its app.
    pub(super) fn put(&mut self, notice: Notice) -> bool {
        match self.waiting.get_mut(&notice.client_id) {
            Some(lane) if lane.len() >= PER_APP => return false,
            Some(lane) => lane.push_back(notice),
            None => {
                let app = notice.client_id.clone();
                self.turns.push_back(app.clone());
                self.waiting.insert(app, VecDeque::from([notice]));
            }
        }
        self.count += 1;
        true
    }

    /// The next one to send. Its app has no other turn until [`Self::done`].
    pub(super) fn next(&mut self) -> Option<Notice> {
        let app = self.turns.pop_front()?;
        let notice = self.waiting.get_mut(&app)?.pop_front()?;
        self.count -= 1;
        Some(notice)
    }

    /// A call to this app ended.
    pub(super) fn done(&mut self, app: ClientId) {
        match self.waiting.get(&app) {
            Some(lane) if !lane.is_empty() => self.turns.push_back(app),
            _ => drop(self.waiting.remove(&app)),
        }
    }
}

#[cfg(test)]
mod tests {
    use twinpath_core::ids::AccountId;

    use super::*;

    fn notice(app: &str, account: u8) -> Notice {
        let client_id = ClientId::new(app).unwrap();
        Notice { client_id, account: AccountId([account; 16]), session: None }
    }

    fn shown(notice: Option<Notice>) -> Option<(String, u8)> {
        notice.map(|notice| (notice.client_id.to_string(), notice.account.0[0]))
    }

    #[test]
    fn apps_take_turns_and_one_that_hangs_holds_up_itself_only() {
        let mut lanes = Lanes::default();
        for (app, account) in [("hangs", 1), ("hangs", 2), ("quick", 3), ("quick", 4)] {
            assert!(lanes.put(notice(app, account)));
        }
        assert_eq!(shown(lanes.next()), Some(("hangs".to_owned(), 1)));
        assert_eq!(shown(lanes.next()), Some(("quick".to_owned(), 3)));
        assert_eq!(shown(lanes.next()), None, "each has a call under way");
        lanes.done(ClientId::new("quick").unwrap());
        assert!(lanes.put(notice("quick", 5)));
        assert_eq!(shown(lanes.next()), Some(("quick".to_owned(), 4)));
        lanes.done(ClientId::new("quick").unwrap());
        assert_eq!(shown(lanes.next()), Some(("quick".to_owned(), 5)));
        lanes.done(ClientId::new("quick").unwrap());
        assert_eq!((shown(lanes.next()), lanes.len()), (None, 1));
        lanes.done(ClientId::new("hangs").unwrap());
        assert_eq!(shown(lanes.next()), Some(("hangs".to_owned(), 2)));
        lanes.done(ClientId::new("hangs").unwrap());
        assert_eq!(lanes.len(), 0);
        assert!(lanes.waiting.is_empty() && lanes.turns.is_empty(), "nothing is kept: {lanes:?}");
    }

    #[test]
    fn an_app_has_room_for_so_many() {
        let mut lanes = Lanes::default();
        assert!((0..PER_APP).all(|_| lanes.put(notice("hangs", 1))));
        assert!(!lanes.put(notice("hangs", 1)));
        assert!(lanes.put(notice("quick", 1)));
        assert_eq!(lanes.len(), PER_APP + 1);
    }
}
