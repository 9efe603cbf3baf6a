//! What the page of a request does without proving anyone: it looks, and shows another code.

use crate::authorization::arrive::{at_stage, belongs};
use crate::authorization::{INTERACTION_S, MAX_ATTEMPTS};
use crate::ids::Digest;
use crate::records::{Interaction, Stage};
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step};

/// Looks at a request for the browser that it belongs to, or did when it was approved. Writes nothing.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// The key of its row.
    pub key: Digest,
    /// Keyed hash of the browser's cookie.
    pub browser: Digest,
}

impl Operation for Look {
    /// `None` if there is none, its time is over, or it is another browser's.
    type Outcome = Option<Box<Interaction>>;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Interaction(self.key));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let known = view.interaction(self.key)?;
        let own = |row: &&Interaction| match &row.stage {
            Stage::Approved(approval) => approval.is_for(self.browser),
            stage => belongs(stage, self.browser),
        };
        let row = known.filter(|row| cx.now < row.expires_at && own(row));
        Ok(Step::Done(Vec::new(), row.map(|row| Box::new(row.clone()))))
    }
}

/// Shows another code, after one whose text was good for nothing.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// The request.
    pub look: Look,
    /// Which code the page showed.
    pub attempt: u32,
}

impl Operation for Retry {
    /// Whether there is another; `false` too if the request ended.
    type Outcome = bool;

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let known = view.interaction(self.look.key)?;
        let row =
            known.filter(|row| cx.now < row.expires_at && belongs(&row.stage, self.look.browser));
        let Some(row) = row else {
            return Ok(Step::Done(Vec::new(), false));
        };
        let Stage::Asking { browser, attempt } = row.stage else {
            return Ok(Step::Done(Vec::new(), false));
        };
        let next = attempt.saturating_add(1);
        if attempt != self.attempt || next >= MAX_ATTEMPTS {
            return Ok(Step::Done(Vec::new(), attempt > self.attempt));
        }
        let stage = Stage::Asking { browser, attempt: next };
        Ok(Step::Done(vec![at_stage(row, stage, INTERACTION_S, cx.now)], true))
    }
}
