//! Single-use identifiers that a request uses up.

use crate::ids::{Digest, Timestamp};
use crate::records::UsedJti;
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step, Write};

/// One identifier: the `jti` of a client assertion (RFC 7523 3, point 7) or of a DPoP proof (RFC 9449
/// 11.1). Its row is spread by its own key, apart from code and terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spend {
    /// Keyed hash of owner and `jti`.
    pub key: Digest,
    /// Until when a replay would otherwise pass.
    pub until: Timestamp,
}

impl Spend {
    /// The row it reads.
    pub fn key(&self) -> Key {
        Key::Jti(self.key)
    }

    /// The row to put that uses it up, or `None` if it was used before.
    pub fn decide(&self, view: &Rows, now: Timestamp) -> Result<Option<UsedJti>, Missing> {
        let seen = view.jti(self.key)?.is_some_and(|used| now < used.purge_at);
        Ok((!seen).then_some(UsedJti { key: self.key, purge_at: self.until }))
    }
}

/// What a request uses up before anything else is decided, in this order, each in a step of its own.
/// A replay ends it: what comes after stays unused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Spends {
    /// The request's DPoP proof, where the store is what remembers it.
    pub proof: Option<Spend>,
    /// The challenge that this, or the proof of possession of an attested key, answers.
    pub challenge: Option<Spend>,
    /// The app's assertion, or that proof of possession.
    pub assertion: Option<Spend>,
}

/// What of a request was seen before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replay {
    /// Its DPoP proof.
    Proof,
    /// The challenge that it answers: its client takes another one, and all is well.
    Challenge,
    /// Its client assertion, or the proof of possession of an attested key.
    Assertion,
}

/// A step of using up.
enum Spending {
    /// Nothing is left to use up.
    Over,
    /// One is used up by this row; the rest is left.
    Next(UsedJti, Spends),
    /// One was used before.
    Replayed(Replay),
}

impl Spends {
    /// Whether there is nothing to use up.
    pub fn is_empty(&self) -> bool {
        self.proof.is_none() && self.assertion.is_none() && self.challenge.is_none()
    }

    /// The rows of all that is left, so that one round trip loads them.
    pub(crate) fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.extend(
            self.proof.iter().chain(&self.challenge).chain(&self.assertion).map(Spend::key),
        );
    }

    /// The step that uses up the first of what is left, and goes on with `then`, or that ends with
    /// `replayed`; `None` when nothing is left and the operation's own steps begin.
    pub(crate) fn step<O: Operation>(
        &self,
        view: &Rows,
        now: Timestamp,
        then: impl FnOnce(Self) -> O,
        replayed: impl FnOnce(Replay) -> O::Outcome,
    ) -> Result<Option<Step<O>>, Missing> {
        Ok(match self.decide(view, now)? {
            Spending::Over => None,
            Spending::Next(used, rest) => Some(Step::Next(vec![Write::Jti(used)], then(rest))),
            Spending::Replayed(replay) => Some(Step::Done(Vec::new(), replayed(replay))),
        })
    }

    /// Uses up the first of what is left.
    fn decide(&self, view: &Rows, now: Timestamp) -> Result<Spending, Missing> {
        let (spend, replay, rest) = if let Some(proof) = self.proof {
            (proof, Replay::Proof, Self { proof: None, ..*self })
        } else if let Some(challenge) = self.challenge {
            (challenge, Replay::Challenge, Self { challenge: None, ..*self })
        } else if let Some(assertion) = self.assertion {
            (assertion, Replay::Assertion, Self::default())
        } else {
            return Ok(Spending::Over);
        };
        Ok(match spend.decide(view, now)? {
            Some(used) => Spending::Next(used, rest),
            None => Spending::Replayed(replay),
        })
    }
}

/// For a request that has no operation of its own to do it in.
impl Operation for Spends {
    /// What was used before, if anything was.
    type Outcome = Option<Replay>;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        Self::prefetch(self, keys);
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        Ok(match Self::decide(self, view, cx.now)? {
            Spending::Over => Step::Done(Vec::new(), None),
            Spending::Next(used, rest) if rest.is_empty() => {
                Step::Done(vec![Write::Jti(used)], None)
            }
            Spending::Next(used, rest) => Step::Next(vec![Write::Jti(used)], rest),
            Spending::Replayed(replay) => Step::Done(Vec::new(), Some(replay)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::Model;

    fn spends(model: &Model, proof: Option<u8>, assertion: Option<u8>) -> Spends {
        let until = model.now.plus_seconds(60);
        let spend = |n: u8| Spend { key: Digest([n; 16]), until };
        Spends { proof: proof.map(spend), assertion: assertion.map(spend), challenge: None }
    }

    #[test]
    fn each_is_used_once_and_a_replay_leaves_what_comes_after_it() {
        let mut model = Model::new();
        let mut run = |proof, assertion| {
            let outcome = model.run(spends(&model, proof, assertion));
            (outcome, model.jtis.len())
        };
        assert_eq!(run(None, None), (None, 0));
        assert_eq!(run(Some(1), Some(2)), (None, 2));
        assert_eq!(run(Some(1), Some(3)), (Some(Replay::Proof), 2));
        assert_eq!(run(Some(4), Some(2)), (Some(Replay::Assertion), 3));
        assert_eq!(run(None, Some(3)), (None, 4));
        assert_eq!(run(Some(5), None), (None, 5));
    }

    #[test]
    fn a_challenge_goes_before_what_answers_it() {
        let mut model = Model::new();
        let mut run = |challenge, assertion| {
            let challenge = spends(&model, Some(challenge), None).proof;
            let spends = Spends { challenge, ..spends(&model, None, Some(assertion)) };
            (model.run(spends), model.jtis.len())
        };
        assert_eq!(run(1, 2), (None, 2));
        assert_eq!(run(1, 3), (Some(Replay::Challenge), 2), "what answered it stays unused");
        assert_eq!(run(4, 2), (Some(Replay::Assertion), 3));
        assert_eq!(run(5, 3), (None, 5));
    }

    #[test]
    fn what_is_over_may_come_again() {
        let mut model = Model::new();
        assert_eq!(model.run(spends(&model, Some(1), None)), None);
        model.pass(60);
        assert_eq!(model.run(spends(&model, Some(1), None)), None);
    }
}
