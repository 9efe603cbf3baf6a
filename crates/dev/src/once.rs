//! `--once`: one whole authorization over real SMPP and HTTP, told step by step.

use std::io::{self, Write};
use std::pin::pin;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::timeout;
use twinpath_client::{Error, SenderError, Text, TextSender, Tokens};
use twinpath_core::number::E164;

use crate::demo_app::{Answer, DemoApp};
use crate::message_centre::{MessageCentre, PhoneText};
use crate::rig::Rig;
use crate::{DevError, Options, number, platform};

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(30);

const ADVICE: &str = "run again with TWINPATH_LOG=debug; if it stays, please report it";

/// Tells the steps, each with the time it took.
struct Report<W> {
    out: W,
    begun: Instant,
    last: Instant,
    /// What is under way, for a failure to name.
    next: &'static str,
}

impl<W: Write> Report<W> {
    fn new(mut out: W) -> io::Result<Self> {
        let now = Instant::now();
        writeln!(out, "One authorization over two paths, on this machine:\n")?;
        Ok(Self { out, begun: now, last: now, next: "start the platform" })
    }

    /// Says that `step` is done; `next` comes now. Output that fails is no reason to stop.
    fn done(&mut self, step: &str, detail: &str, next: &'static str) {
        self.tell(step, self.last.elapsed(), detail);
        self.last = Instant::now();
        self.next = next;
    }

    fn tell(&mut self, step: &str, took: Duration, detail: &str) {
        let ms = took.as_secs_f64() * 1000.0;
        let _ = writeln!(self.out, "{ms:>9.1} ms  {step:<26} {detail}");
        let _ = self.out.flush();
    }
}

/// Runs it. Everything that was started is stopped again, whatever happens.
pub(crate) async fn run(options: &Options, out: impl Write + Send) -> Result<(), DevError> {
    let mut report =
        Report::new(out).map_err(DevError::at("write to the terminal", "check its output"))?;
    let mut rig = None;
    let result = timeout(PATIENCE, steps(options, &mut report, &mut rig)).await;
    let whole = report.begun.elapsed();
    if let Some(rig) = rig {
        rig.stop().await;
    }
    let late = |_| Err(DevError::new(report.next, ADVICE, "it took longer than 30 s in all"));
    let result = result.unwrap_or_else(late);
    let _ = writeln!(report.out);
    if result.is_ok() {
        report.tell("all of it", whole, "without --once: a phone to play with in the browser");
    }
    result
}

async fn steps<W: Write + Send>(
    options: &Options,
    report: &mut Report<W>,
    slot: &mut Option<Rig>,
) -> Result<(), DevError> {
    let rig = slot.insert(Rig::start(options).await?);
    report.done("server ready", &rig.issuer, "bind the platform to the message centre");
    rig.centre.bound().await?;
    let bound = format!("SMPP 3.4 at {}", rig.smpp());
    report.done("message centre bound", &bound, "register the demo app");
    let (app, app_key) = rig.app().await?;
    report.done("app registered", "private_key_jwt, DPoP", "make the app's commitment");

    let report = Mutex::new(report);
    let tokens = sign_in(&app, &rig.centre, &report).await;
    let report = report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let tokens = tokens.map_err(|error| DevError::new(report.next, ADVICE, error))?;
    let token = format!("{} {}", tokens.token_type, shortened(&tokens.access_token));
    report.done("token received", &token, "show whose terminal it is");
    let hint = tokens
        .terminal_hint
        .ok_or_else(|| DevError::new(report.next, ADVICE, "the answer had no terminal_hint"))?;
    report.done("terminal_hint", &hint, "call the OpenAPI");

    let answer = app.weather().await;
    let said = expect(answer, 200, "call the OpenAPI")?;
    report.done("OpenAPI answered", &format!("200 {}", forecast(&said)), "refuse a stolen token");
    let answer = app.weather_for_thief(app_key).await;
    let said = expect(answer, 401, "refuse a stolen token")?;
    let refused = format!("401 {}: another key's proof", said.text("error"));
    report.done("stolen token refused", &refused, "stop");
    Ok(())
}

async fn sign_in<W: Write + Send>(
    app: &DemoApp,
    centre: &MessageCentre,
    report: &Mutex<&mut Report<W>>,
) -> Result<Tokens, Error> {
    let [from, _] = number::PHONES;
    let from = number::read(from).map_err(|problem| Error::Sender(SenderError::new(problem)))?;
    let hint = from.hint();
    app.sign_in(&Phone { centre, from, hint, report }).await
}

/// A phone whose user sends at once.
struct Phone<'a, 'r, W> {
    centre: &'a MessageCentre,
    from: E164,
    hint: String,
    report: &'a Mutex<&'r mut Report<W>>,
}

impl<W: Write + Send> Phone<'_, '_, W> {
    fn done(&self, step: &str, detail: &str, next: &'static str) {
        let mut report = self.report.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        report.done(step, detail, next);
    }
}

impl<W: Write + Send> TextSender for Phone<'_, '_, W> {
    async fn send(&self, text: &Text) -> Result<(), SenderError> {
        let words = text.body.split("TP1-").next().unwrap_or_default();
        let made = format!("\"{words}TP1-...\"");
        self.done("commitment made", &made, "text the commitment");
        let to = text.to.first().map_or(platform::NUMBER, String::as_str);
        let text = PhoneText::new(&self.from, to, &text.body).map_err(SenderError::new)?;
        let sent = format!("from {}, {}", self.hint, text.encoding);
        let mut carried = pin!(self.centre.carry(text));
        // Its first step hands the text to the message centre's session.
        let early = tokio::select! {
            biased;
            delivered = &mut carried => Some(delivered),
            () = std::future::ready(()) => None,
        };
        self.done("text sent", &sent, "have the text acknowledged");
        let delivered = match early {
            Some(delivered) => delivered,
            None => carried.await,
        };
        let delivered = delivered.map_err(SenderError::new)?;
        if !delivered.status.is_ok() {
            let problem = format!("the platform answered {}", delivered.status.as_str());
            return Err(SenderError::new(problem));
        }
        let how = format!("{}: its record is durable", delivered.status.as_str());
        self.done("text acknowledged", &how, "receive the token");
        Ok(())
    }
}

fn expect(
    answer: Result<Answer, Error>,
    status: u16,
    step: &'static str,
) -> Result<Answer, DevError> {
    let answer = answer.map_err(DevError::at(step, ADVICE))?;
    if answer.status == status {
        return Ok(answer);
    }
    let why = answer.text("error_description");
    Err(DevError::new(step, ADVICE, format!("the answer was {} {why}", answer.status)))
}

fn forecast(answer: &Answer) -> String {
    let celsius = answer.body.get("celsius").and_then(Value::as_i64).unwrap_or_default();
    format!("{}: {}, {celsius} °C (made up)", answer.text("place"), answer.text("sky"))
}

/// Enough of a token to tell two apart, too little to use one.
pub(crate) fn shortened(token: &str) -> String {
    let start: String = token.chars().take(12).collect();
    format!("{start}... ({} characters)", token.len())
}
