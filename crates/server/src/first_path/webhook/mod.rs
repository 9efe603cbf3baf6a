//! `/sms/<name>`: texts that gateways hand over by HTTP.
//!
//! A 2xx says that everything of the call is durable, or refused by rule. Where the store cannot answer
//! the gateway gets 503, on which all of them come again.

mod certificates;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use futures_util::future::join_all;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Request, StatusCode, request};
use twinpath_core::number::Sender;
use twinpath_gateway::provider::Provider;
use twinpath_gateway::webhook::{Call, DeliveryReceipt, DeliveryState, InboundText, Refused, Said};
use twinpath_store::StoreError;

use crate::config::Webhook;
use crate::first_path::{Arrival, Receiver};
use crate::http::certificate::client_certificate;
use crate::http::refusal;
use crate::http::request::{nearest, read_body};
use crate::outbound::{Receipt, ReceiptState, received};
use crate::platform::{Platform, now};

pub use certificates::Certificates;

/// How long the calls of each route took.
const TIMING: &str = "twinpath_webhook_seconds";

/// Type of number: international, and unknown (SMPP 3.4 5.2.5).
const INTERNATIONAL: u8 = 1;
const UNKNOWN: u8 = 0;
/// Numbering plan: ISDN (SMPP 3.4 5.2.6).
const ISDN: u8 = 1;

/// Why a call is not acknowledged.
enum Trouble {
    /// It is refused, for a reason that counters know.
    Refused(StatusCode, &'static str),
    /// It cannot be carried out now.
    Later(&'static str),
}

impl From<Refused> for Trouble {
    fn from(refused: Refused) -> Self {
        let status = match refused {
            Refused::Unauthenticated | Refused::Stale => StatusCode::UNAUTHORIZED,
            Refused::Malformed(_) => StatusCode::BAD_REQUEST,
        };
        Self::Refused(status, refused.as_str())
    }
}

/// `/sms/{name}`
pub async fn webhook(
    State(platform): State<Arc<Platform>>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    let begun = Instant::now();
    let Some(webhook) = platform.config.webhooks.iter().find(|w| *w.route.name.0 == *name) else {
        return refusal::not_found().await.into_response();
    };
    let methods = webhook.provider.methods();
    if !methods.contains(&request.method().as_str()) {
        let mut response = StatusCode::METHOD_NOT_ALLOWED.into_response();
        let allowed = HeaderValue::from_str(&methods.join(", "));
        response.headers_mut().extend(allowed.ok().map(|allowed| (ALLOW, allowed)));
        return response;
    }
    let receiver = Receiver::new(&platform, &webhook.route);
    let response = match answer(&platform, webhook, &receiver, request).await {
        Ok(()) => acknowledged(&webhook.provider),
        Err(Trouble::Refused(status, why)) => {
            receiver.count(why);
            tracing::info!(route = receiver.route(), why, "a gateway's call was refused");
            status.into_response()
        }
        Err(Trouble::Later(why)) => {
            receiver.count(why);
            tracing::warn!(route = receiver.route(), why, "a gateway has to call again");
            let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
            response
        }
    };
    platform.timings.observe(TIMING, receiver.route(), begun.elapsed());
    response
}

fn acknowledged(provider: &Provider) -> Response {
    let said = provider.acknowledgement();
    let status = StatusCode::from_u16(said.status).unwrap_or(StatusCode::OK);
    let mut response = (status, said.body.to_owned()).into_response();
    response.headers_mut().remove(CONTENT_TYPE);
    if let (false, Ok(kind)) = (said.body.is_empty(), HeaderValue::from_str(said.content_type)) {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}

async fn answer(
    platform: &Platform,
    webhook: &Webhook,
    receiver: &Receiver,
    request: Request<Body>,
) -> Result<(), Trouble> {
    let _place = platform.webhook_places.try_acquire().map_err(|_| Trouble::Later("busy"))?;
    let (parts, body) = request.into_parts();
    allowed(platform, webhook, &parts)?;
    let body = read_body(&parts.headers, body)
        .await
        .map_err(|refusal| Trouble::Refused(refusal.status, "oversized"))?;
    let url = webhook.url(&platform.config, parts.uri.query());
    let call = Call {
        method: parts.method.as_str(),
        url: &url,
        headers: &parts.headers,
        body: &body,
        now: now().seconds(),
    };
    let certificate = match webhook.provider.signing_certificate(&call) {
        None => None,
        Some(url) => {
            let found = platform.certificates.get(&url?).await;
            Some(found.map_err(|_| Trouble::Later("certificate_unreachable"))?)
        }
    };
    match webhook.provider.read(&call, certificate.as_deref().map(Vec::as_slice))? {
        Said::Texts(texts) => record(webhook, receiver, &texts).await,
        Said::Receipts(receipts) => {
            for delivered in &receipts {
                received(platform, &named(sender_of(platform, receiver.route()), delivered));
            }
            Ok(())
        }
        Said::Nothing(what) => {
            receiver.count(what);
            Ok(())
        }
        Said::Subscribe(url) => {
            let subscribed = platform.certificates.visit(&url).await;
            subscribed.map_err(|_| Trouble::Later("subscription_unreachable"))?;
            tracing::info!(route = receiver.route(), "subscribed to the topic");
            Ok(())
        }
    }
}

/// By address and client certificate, where the route names some: before anything is read.
fn allowed(platform: &Platform, webhook: &Webhook, parts: &request::Parts) -> Result<(), Trouble> {
    let refused = |why| Err(Trouble::Refused(StatusCode::FORBIDDEN, why));
    let from: IpAddr = nearest(parts, &platform.config);
    let named = webhook.allow.is_empty() || webhook.allow.iter().any(|one| one.contains(from));
    let described = webhook.provider.addresses();
    if !named || !described.iter().all(|list| list.iter().any(|one| one.contains(from))) {
        return refused("address_refused");
    }
    if webhook.certificates.is_empty() {
        return Ok(());
    }
    let shown = client_certificate(platform, parts).ok().flatten();
    let known = shown.is_some_and(|certificate| {
        certificate.in_time(now())
            && webhook.certificates.iter().any(|known| known == certificate.thumbprint())
    });
    if known { Ok(()) } else { refused("certificate_refused") }
}

/// Has all texts of a call recorded. One that fails has the whole call come again; those that were
/// recorded then change nothing.
async fn record(
    webhook: &Webhook,
    receiver: &Receiver,
    texts: &[InboundText],
) -> Result<(), Trouble> {
    let outcomes = join_all(texts.iter().map(|text| receive(webhook, receiver, text))).await;
    for outcome in outcomes {
        match outcome {
            Ok(outcome) => {
                receiver.count(outcome);
                tracing::debug!(route = receiver.route(), outcome, "a text");
            }
            Err(error @ StoreError::Inconsistent(_)) => {
                // It would fail each time it came again.
                receiver.count("failed");
                tracing::error!(route = receiver.route(), %error, "a text can never be recorded");
            }
            Err(error) => {
                tracing::warn!(route = receiver.route(), %error, "a text could not be recorded");
                return Err(Trouble::Later("not_recorded"));
            }
        }
    }
    Ok(())
}

async fn receive(
    webhook: &Webhook,
    receiver: &Receiver,
    text: &InboundText,
) -> Result<&'static str, StoreError> {
    if let (true, Some(to)) = (webhook.only_numbers, &text.to) {
        let plain = |number: &str| number.trim_start_matches('+').to_owned();
        if !webhook.numbers.iter().any(|number| plain(number) == plain(to)) {
            return Ok("other_number");
        }
    }
    let ton = if text.from.starts_with('+') { INTERNATIONAL } else { UNKNOWN };
    let sender = Sender { ton, npi: ISDN, address: text.from.as_bytes() };
    receiver.receive(Arrival { sender, text: &text.text, id: text.id.as_deref() }).await
}

/// The API whose receipts come by this webhook, as it accepted the texts.
fn sender_of<'a>(platform: &'a Platform, route: &'a str) -> &'a str {
    let mut apis = platform.config.apis.iter();
    let own = apis.find(|api| api.receipts.as_deref() == Some(route));
    own.map_or(route, |api| api.name.as_str())
}

fn named(route: &str, delivered: &DeliveryReceipt) -> Receipt {
    Receipt {
        route: route.to_owned(),
        message_id: delivered.message_id.clone(),
        state: state(delivered.state),
        error: delivered.error.clone(),
    }
}

fn state(state: DeliveryState) -> ReceiptState {
    match state {
        DeliveryState::Delivered => ReceiptState::Delivered,
        DeliveryState::Pending => ReceiptState::Pending,
        DeliveryState::Failed => ReceiptState::Failed,
        DeliveryState::Expired => ReceiptState::Expired,
        DeliveryState::Rejected => ReceiptState::Rejected,
    }
}
