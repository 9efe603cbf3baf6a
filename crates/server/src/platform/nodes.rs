//! This node among the others on one store.
//!
//! All of it is hints and courtesies: they wake a request early and keep clients to their pace at
//! whichever node they ask. What may be redeemed, and what was used, is decided on rows alone. When
//! the store cannot tell, a node goes on as if it were alone; where it is alone, nothing here does
//! anything.

use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use twinpath_core::ids::{CodeKey, Timestamp};
use twinpath_store::{Hint, Standing, Store};

use crate::platform::{Platform, now};

/// How long the others' word is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often waiting codes are looked for, in case a hint was lost, and counts are compared.
const EVERY: Duration = Duration::from_secs(1);
/// In how many of these times codes that count towards a limit are looked for too.
const SWEEP: u32 = 10;

/// A pending code, as other nodes know it. Given up by dropping: a client that went away may wait
/// elsewhere at once.
#[derive(Debug)]
pub struct Line<'a> {
    /// A request waits for the code at another node, and this one would wait too.
    pub taken: bool,
    /// When a poll for it was last answered, perhaps at another node, which then counts it.
    pub elsewhere: Option<Timestamp>,
    platform: &'a Platform,
    code: CodeKey,
    says: Says,
}

/// What the others believe of this node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Says {
    /// Nothing, and they need not hear more.
    Nothing,
    /// Nothing yet.
    Asks,
    /// That a request waits here.
    Waits,
}

impl Platform {
    /// Asks how other nodes stand to a code that is still pending; with `until`, says that a request
    /// waits for it here until then. What they answered counts here from now on.
    pub async fn line(&self, code: CodeKey, until: Option<Timestamp>) -> Line<'_> {
        let mut line = Line {
            taken: false,
            elsewhere: None,
            platform: self,
            code,
            says: if until.is_some() { Says::Waits } else { Says::Asks },
        };
        if until.is_none() && self.waiters.waits_for(code) {
            // Another request waits for it here: that one's word must stand.
            line.says = Says::Nothing;
            return line;
        }
        let standing = ask(&self.store, code, until.unwrap_or_else(now)).await;
        line.hear(standing.unwrap_or_default(), now());
        line
    }
}

async fn ask(store: &Store, code: CodeKey, until: Timestamp) -> Option<Standing> {
    match tokio::time::timeout(PATIENCE, store.wait_for(code, until)).await {
        Ok(Ok(standing)) => Some(standing),
        Ok(Err(error)) => {
            tracing::debug!(%error, "other nodes could not be asked about a code");
            None
        }
        Err(_) => {
            tracing::debug!("other nodes did not say in time how they stand to a code");
            None
        }
    }
}

impl Line<'_> {
    fn hear(&mut self, Standing { taken, answered }: Standing, now: Timestamp) {
        if let Some((at, interval_s)) = answered {
            self.platform.polls.heard(self.code, (at, interval_s), now);
            self.elsewhere = Some(at);
        }
        // A poll that does not wait takes no place.
        if taken && self.says == Says::Waits {
            self.taken = true;
            self.says = Says::Nothing;
        }
    }

    /// Says that the code's poll was answered here.
    pub fn answered(mut self, at: Timestamp, interval_s: u64) {
        if std::mem::replace(&mut self.says, Says::Nothing) != Says::Nothing {
            self.platform.store.answered(self.code, at, interval_s);
        }
    }

    /// Says nothing more: the code ended, and nobody will wait for it at any node.
    pub fn over(mut self) {
        self.says = Says::Nothing;
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if self.says == Says::Waits {
            // Nobody waits here any more, and no client was told anything new.
            let (at, interval_s) = self.platform.polls.last(self.code).unwrap_or_default();
            self.platform.store.answered(self.code, at, interval_s);
        }
    }
}

/// Speaks with the other nodes, if there are any, as long as the store does.
pub async fn keep_in_touch(platform: &Platform) {
    let Some(hints) = platform.store.hints() else {
        return;
    };
    tokio::select! {
        () = listen(platform, hints) => tracing::debug!("the store ended its hints"),
        () = look(platform) => {}
        () = compare(platform) => {}
    }
}

async fn listen(platform: &Platform, mut hints: Receiver<Hint>) {
    while let Some(hint) = hints.recv().await {
        match hint {
            Hint::Code(code) => {
                platform.waiters.wake(code);
                platform.pending.arrived(code);
            }
            Hint::Registry => platform.registry.stir(),
        }
    }
}

/// The safety net under the hints. Nodes are told of codes that they wait for, not of those that they
/// merely count; without a look at these, what one node counts and another redeems would count until
/// it is forgotten.
async fn look(platform: &Platform) {
    let mut round = 0_u32;
    loop {
        round = round.wrapping_add(1);
        tokio::time::sleep(EVERY).await;
        let mut codes = Vec::new();
        if round.is_multiple_of(SWEEP) {
            // Nobody waits for them: until no time. Of those that somebody does, the wait comes last.
            codes.extend(platform.pending.doubtful().into_iter().map(|code| (code, Timestamp(0))));
        }
        codes.extend(platform.waiters.waiting());
        platform.store.look(codes);
    }
}

async fn compare(platform: &Platform) {
    loop {
        tokio::time::sleep(EVERY).await;
        let others = platform.store.tally(platform.pending.heavy(now())).await;
        let others =
            others.inspect_err(|error| tracing::debug!(%error, "no counts of other nodes"));
        platform.pending.heard(others.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::mpsc;
    use twinpath_core::ids::ClientId;

    use super::*;
    use crate::config::File;
    use crate::platform::Pace;

    const CODE: CodeKey = CodeKey([1; 16]);

    async fn platform(folder: &tempfile::TempDir) -> Arc<Platform> {
        let text = format!(
            "issuer = \"https://id.example.com\"\nstore.url = \"sqlite://{}/t.db\"\n\
             limits.pending_codes_per_address = 1",
            folder.path().display()
        );
        let file: File = toml::from_str(&text).unwrap();
        Platform::open(file.check().unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_hint_wakes_who_waits_and_renews_the_registry() {
        let folder = tempfile::tempdir().unwrap();
        let platform = platform(&folder).await;
        let waiter = platform.waiters.wait_for(CODE, now()).unwrap();
        let app = ClientId::new("a").unwrap();
        let source = ([10, 0, 0, 1].into(), &app);
        platform.pending.asked(source, CODE, now(), None);
        let (sender, hints) = mpsc::channel(2);
        sender.send(Hint::Code(CODE)).await.unwrap();
        sender.send(Hint::Registry).await.unwrap();
        drop(sender);
        listen(&platform, hints).await;
        waiter.woken().await;
        platform.registry.stirred().await;
        assert_eq!(platform.pending.admit(source, CodeKey([2; 16]), now()), Ok(()));
    }

    #[tokio::test]
    async fn what_other_nodes_do_counts_here() {
        let folder = tempfile::tempdir().unwrap();
        let platform = platform(&folder).await;
        let answered = Some((now(), 30));
        let standing = Standing { taken: true, answered };
        let mut waits = platform.line(CODE, Some(now().plus_seconds(30))).await;
        assert!(!waits.taken && waits.elsewhere.is_none(), "alone");
        waits.hear(standing, now());
        assert!(waits.taken && waits.elsewhere.is_some());
        assert_eq!(waits.says, Says::Nothing);
        assert_eq!(platform.polls.judge(CODE, now()), Pace::TooFast(35));
        let mut polls = platform.line(CODE, None).await;
        polls.hear(standing, now());
        assert!(!polls.taken, "who does not wait takes no place from who does");
        assert_eq!(polls.says, Says::Asks);
    }

    #[tokio::test]
    async fn a_poll_leaves_the_word_to_the_request_that_waits_here() {
        let folder = tempfile::tempdir().unwrap();
        let platform = platform(&folder).await;
        let waiter = platform.waiters.wait_for(CODE, now()).unwrap();
        assert_eq!(platform.line(CODE, None).await.says, Says::Nothing);
        assert_eq!(platform.line(CODE, Some(waiter.until())).await.says, Says::Waits);
        drop(waiter);
        assert_eq!(platform.line(CODE, None).await.says, Says::Asks);
        // Where there are no other nodes there is nothing to hear.
        keep_in_touch(&platform).await;
    }
}
