//! Between finding a proof and making a grant of it: others are asked, where that is configured.

use std::sync::Arc;

use twinpath_core::authorization::{ProveTerminal, ProvenOutcome};
use twinpath_core::ids::CodeKey;
use twinpath_core::outbound::{ConfirmationCode, Texting};
use twinpath_core::risk::{RiskQuestion, RiskRule};
use twinpath_wire::oauth::ErrorCode;

use crate::http::Refusal;
use crate::http::refusal::fault;
use crate::http::request::Form;
use crate::platform::{Platform, now};

/// How often a code may turn out to be another terminal's while others are asked.
pub(super) const ROUNDS: usize = 3;

/// Whether anyone is to be asked.
pub(super) fn rule(platform: &Platform) -> RiskRule {
    let asked = platform.risk.is_on() || platform.app_limits.asks_for_accounts();
    if asked { RiskRule::Unasked } else { RiskRule::Off }
}

/// Who asks for a grant, if that is known, and the token by which its network tells whose phone it is, if
/// the app brought one.
pub(super) type By<'a> = (Option<&'a str>, Option<&'a str>);

/// Longest token of a network's.
const MAX_EVIDENCE: usize = 4096;

/// What the app brought for CAMARA's Number Verification.
pub(super) fn evidence(form: &Form) -> Result<Option<&str>, Refusal> {
    let token = form.get("network_token");
    let well = |token: &str| {
        (1..=MAX_EVIDENCE).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic())
    };
    match token {
        Some(token) if !well(token) => {
            Err(Refusal::request("network_token must be an access token of the phone's operator"))
        }
        token => Ok(token),
    }
}

/// Asks. A proof that would make one account too many for its app is refused for now, and stays good.
pub(super) async fn ask(
    platform: &Platform,
    code: CodeKey,
    question: &RiskQuestion,
    (holder, evidence): By<'_>,
) -> Result<RiskRule, Refusal> {
    if question.known.is_none()
        && let Some(wait) = platform.app_limits.full_of_accounts(&question.client_id, now())
    {
        return Err(Refusal::too_many(wait));
    }
    let number = platform.vault.open_number(question.terminal, &question.number);
    let number = number.map_err(|_| fault("a number does not open"))?;
    Ok(platform.risk.ask(code, question, (&number, holder, evidence), &platform.counters).await)
}

/// How proofs at the sign-in page, or without a browser, are confirmed (PROTOCOL 6); `None` where no texts
/// go to phones.
pub(super) fn texting(
    platform: &Platform,
    said: Option<ConfirmationCode>,
    ui_locales: Option<String>,
) -> Option<Texting> {
    let limits = Arc::clone(&platform.config.outbound.as_ref()?.limits);
    Some(Texting { said, ui_locales, limits, ..Texting::default() })
}

/// Carries a proof at the sign-in page, or without a browser, to its end, or to where digits are asked for:
/// then these are on their way.
pub(super) async fn prove(
    platform: &Platform,
    prove: ProveTerminal,
    by: By<'_>,
) -> Result<ProvenOutcome, Refusal> {
    let mut prove = prove.risking(rule(platform));
    let mut nobodys = false;
    for _ in 0..ROUNDS {
        match platform.run(prove.clone()).await? {
            ProvenOutcome::Unasked(question) => {
                nobodys = question.known.is_none();
                let rule = ask(platform, prove.code, &question, by).await?;
                prove = prove.risking(rule);
            }
            outcome => {
                match &outcome {
                    ProvenOutcome::Unconfirmed(awaiting) => platform.outbox.send(awaiting.text),
                    ProvenOutcome::Proven(_) if nobodys => {
                        platform.app_limits.count_account(&prove.client_id, now());
                    }
                    _ => {}
                }
                return Ok(outcome);
            }
        }
    }
    Err(fault("a code did not come to rest"))
}

/// What an app is told of a proof that is refused: no more than that.
pub(super) fn refused() -> Refusal {
    Refusal::new(ErrorCode::AccessDenied, "refused by the platform's policy")
}
