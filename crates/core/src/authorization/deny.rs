//! The person denies.

use crate::authorization::Look;
use crate::authorization::arrive::{at_stage, belongs};
use crate::records::{AuthorizationRequest, Stage};
use crate::transaction::{Context, Missing, Operation, Rows, Step};

/// The person denies, or gives up.
#[derive(Clone, Copy, Debug)]
pub struct Deny(pub Look);

impl Operation for Deny {
    /// What was asked; `None` if the request ended before, or is another browser's.
    type Outcome = Option<Box<AuthorizationRequest>>;

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let known = view.interaction(self.0.key)?;
        let row =
            known.filter(|row| cx.now < row.expires_at && belongs(&row.stage, self.0.browser));
        let Some(row) = row else {
            return Ok(Step::Done(Vec::new(), None));
        };
        let ended = at_stage(row, Stage::Ended, 0, cx.now);
        Ok(Step::Done(vec![ended], Some(Box::new(row.request.clone()))))
    }
}
