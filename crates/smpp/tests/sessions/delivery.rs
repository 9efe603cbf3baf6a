//! What a message and its answer carry from end to end.

use std::sync::atomic::Ordering::Relaxed;

use twinpath_smpp::{
    esme::{BindState, EsmeConfig, SendError},
    pdu::{BindMode, CommandStatus, DataSm, Tlvs, tag},
    session::RequestError,
    text,
};

use crate::support::{
    Application, centre, centre_config, esme_config, message, soon, start, until,
};

#[tokio::test]
async fn texts_arrive_in_every_coding() {
    let (centre, _submitted) = centre(centre_config()).await;
    let application = Application::open();
    let esme = start(esme_config(centre.address()), &application);
    soon("bound", centre.bound_until(|bound| !bound.is_empty())).await;
    let texts = ["Weather sign-in. TP1-ABCDE", "Météo {€}", "“天气” 登录 TP1-ABCDE"];
    for wanted in texts {
        let encoded = text::encode(wanted);
        let sent = message(encoded.data_coding, &encoded.octets);
        assert_eq!(centre.deliver(sent).await, Ok(CommandStatus::Ok));
    }
    let payload = Tlvs::default().with(tag::MESSAGE_PAYLOAD, text::encode("by data_sm").octets);
    let data = DataSm { tlvs: payload, ..DataSm::default() };
    assert_eq!(centre.bound()[0].data(data).await, Ok(CommandStatus::Ok));
    assert_eq!(application.texts(), [&texts[..], &["by data_sm"]].concat());
    esme.shutdown().await;
}

#[tokio::test]
async fn the_applications_status_is_the_answer() {
    let (centre, _submitted) = centre(centre_config()).await;
    let application = Application::open();
    let esme = start(esme_config(centre.address()), &application);
    soon("bound", centre.bound_until(|bound| !bound.is_empty())).await;
    for status in [
        CommandStatus::Throttled,
        CommandStatus::QueueFull,
        CommandStatus::TemporaryApplicationError,
        CommandStatus::PermanentApplicationError,
    ] {
        *application.status.lock().unwrap() = status;
        assert_eq!(centre.deliver(message(0, b"x")).await, Ok(status));
    }
    let counters = esme.counters();
    assert_eq!((counters.throttled.load(Relaxed), counters.refused.load(Relaxed)), (2, 2));
}

#[tokio::test]
async fn a_handler_that_panics_costs_its_message_only() {
    let (centre, _submitted) = centre(centre_config()).await;
    let application = Application::open();
    let _esme = start(esme_config(centre.address()), &application);
    soon("bound", centre.bound_until(|bound| !bound.is_empty())).await;
    let put_off = Ok(CommandStatus::TemporaryApplicationError);
    assert_eq!(centre.deliver(message(0, b"panic")).await, put_off);
    assert_eq!(centre.deliver(message(0, b"fine")).await, Ok(CommandStatus::Ok));
}

#[tokio::test]
async fn a_submitted_message_is_recorded_and_identified() {
    let (centre, mut submitted) = centre(centre_config()).await;
    let application = Application::open();
    let mode = BindMode::Transmitter;
    let esme = start(EsmeConfig { mode, ..esme_config(centre.address()) }, &application);
    application.reaches(BindState::Bound).await;
    let answer = esme.submit(message(0, b"notice")).await.unwrap();
    let submission = soon("submission", submitted.recv()).await.unwrap();
    assert_eq!(answer.status, CommandStatus::Ok);
    assert_eq!(answer.message_id, Some(submission.message_id));
    assert_eq!(
        (submission.system_id, submission.message.payload()),
        ("twinpath".into(), "notice".into())
    );

    soon("listed", centre.bound_until(|bound| !bound.is_empty())).await;
    assert_eq!(centre.deliver(message(0, b"x")).await, Err(SendError::NotBound));
    let not_allowed = Err(SendError::Request(RequestError::NotAllowed));
    assert_eq!(centre.bound()[0].deliver(message(0, b"x")).await, not_allowed);

    drop(centre);
    until("noticed", || esme.counters().state() != BindState::Bound).await;
    assert_eq!(esme.submit(message(0, b"late")).await, Err(SendError::NotBound));
}
