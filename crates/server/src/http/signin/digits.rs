//! The page at which a person shows the digits that were texted to the phone (PROTOCOL 6).
//!
//! They belong to the code that this browser's page showed: another session, or another request, can try
//! none of them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, Request, StatusCode};
use twinpath_core::authorization::ProvenOutcome;
use twinpath_core::join::Awaiting;
use twinpath_core::outbound::{CONFIRMATION_ATTEMPTS, ConfirmationCode};
use twinpath_core::records::Stage;
use twinpath_pages::{Digits, Fault, Language};

use super::{Trouble, Visit, app_view, frame, lost, prove, proved, told};
use crate::http::authorize::accepted;
use crate::http::browser::{page as html_page, redirect};
use crate::http::request::Form;
use crate::platform::Platform;

/// What the page asks for.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    /// Of which of the request's codes.
    pub(super) attempt: u32,
    /// How the code waits.
    pub(super) awaiting: Awaiting,
    /// Whether what was entered just now is no digits.
    pub(super) malformed: bool,
}

/// `POST /signin/{id}/digits`
pub(in crate::http) async fn confirmed(
    State(platform): State<Arc<Platform>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let result = confirm(&platform, (&id, &parts.headers, body)).await;
    let language = Language::choose(None, accepted(&parts.headers));
    result.unwrap_or_else(|trouble| told(&platform, trouble, language))
}

async fn confirm(
    platform: &Platform,
    (id, headers, body): (&str, &HeaderMap, Body),
) -> Result<Response, Trouble> {
    let visit = Visit::find(platform, headers, id).await?;
    let form = Form::read(headers, body).await?;
    // The form must be the one that this browser was shown.
    if !visit.browser.sent(platform, headers, &form, &visit.id.text()) {
        return Err(lost());
    }
    let Stage::Asking { attempt, .. } = visit.row.stage else {
        // A second click: the page shows what comes next.
        return Ok(redirect(&visit.path(platform)));
    };
    let language = visit.language(headers);
    let said = form.get("confirmation_code").and_then(read);
    match prove(platform, &visit, attempt, (language, said)).await? {
        // What is no digits is no attempt.
        ProvenOutcome::Unconfirmed(awaiting) if said.is_none() => {
            let asked = Asked { attempt, awaiting, malformed: true };
            Ok(page(platform, &visit, asked, language))
        }
        // By GET, so that loading it again tries nothing again.
        ProvenOutcome::Proven(_) | ProvenOutcome::Unconfirmed(_) => {
            Ok(redirect(&visit.path(platform)))
        }
        outcome => proved(platform, visit, attempt, outcome, language).await,
    }
}

/// As people type them: with spaces between.
fn read(typed: &str) -> Option<ConfirmationCode> {
    let digits: String = typed.chars().filter(|c| !c.is_whitespace()).take(9).collect();
    ConfirmationCode::parse(&digits)
}

/// The form for digits.
pub(super) fn page(
    platform: &Platform,
    visit: &Visit,
    asked: Asked,
    language: Language,
) -> Response {
    let left = asked.awaiting.attempts_left;
    let wrong = left < CONFIRMATION_ATTEMPTS;
    let own = visit.path(platform);
    let view = Digits {
        app: app_view(&visit.registered),
        fault: match (asked.malformed, wrong) {
            (true, _) => Some(Fault::Malformed),
            (false, true) => Some(Fault::Wrong { left }),
            (false, false) => None,
        },
        again: format!("{own}?again={}", asked.attempt),
        proceed: visit.form(platform, "digits"),
        cancel: visit.form(platform, "cancel"),
    };
    let status = if asked.malformed { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    html_page(status, view.render(&frame(platform, language)), visit.redirect_uri())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_as_people_type_them() {
        let right = ConfirmationCode::parse("12345678");
        for typed in ["12345678", " 1234 5678 ", "12 34 56 78"] {
            assert_eq!(read(typed), right);
        }
        for bad in ["", "1234567", "123456789", "1234567x", "1234-5678", "１２３４５６７８"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(read(&"1".repeat(100_000)), None);
    }
}
