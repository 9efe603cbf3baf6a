//! Owns a session's connection: octets between stream and [`Session`], its timer, and the requests
//! that wait for responses. Both drivers, [`esme`](crate::esme) and [`centre`](crate::centre), use
//! it.
//!
//! Invariants: one write carries whatever is ready; [`Connection::event`] may be dropped and called
//! again without losing anything; a request whose connection ends before its response fails as
//! [`SendError::Lost`].

use std::{
    collections::HashMap,
    future::poll_fn,
    io,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{mpsc, oneshot},
    time::{Instant, Sleep, sleep_until, timeout},
};

use crate::{
    pdu::{CommandStatus, Pdu},
    session::{Event, RequestError, Session},
};

/// Room made for one read, and the least that is worth reading into.
const READ_OCTETS: usize = 32 * 1024;
const MIN_READ_OCTETS: usize = 4 * 1024;

/// How long the last octets may take, and the peer to hang up, once a session has ended.
const FAREWELL: Duration = Duration::from_secs(2);

/// How far the timer is set when nothing is due.
const FAR: Duration = Duration::from_secs(3600);

/// A response to one of our requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What the peer says.
    pub status: CommandStatus,
    /// The message's identifier there.
    pub message_id: Option<Bytes>,
}

/// Why a request has no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nobody is bound; it was not sent.
    #[error("not bound")]
    NotBound,
    /// It was not sent.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The session ended first. Whether the peer has it is not known: it may be sent again.
    #[error("the session ended before the response")]
    Lost,
    /// The response took too long. Whether the peer has it is not known: it may be sent again.
    #[error("no response in time")]
    TimedOut,
    /// The peer has asked for a pause, or the configured rate leaves no room soon; it was not sent.
    #[error("paused")]
    Paused,
}

/// A request on its way to a connection.
#[derive(Debug)]
pub(crate) struct Request {
    pdu: Pdu,
    answer: oneshot::Sender<Result<Answer, SendError>>,
}

impl Request {
    /// Hands a request over and waits for its response.
    pub(crate) async fn send(pdu: Pdu, to: &mpsc::Sender<Self>) -> Result<Answer, SendError> {
        let (answer, answered) = oneshot::channel();
        to.send(Self { pdu, answer }).await.map_err(|_| SendError::NotBound)?;
        answered.await.unwrap_or(Err(SendError::Lost))
    }

    /// Ends a request that was not sent.
    pub(crate) fn fail(self, error: SendError) {
        // Whoever asked may have lost interest.
        let _ = self.answer.send(Err(error));
    }
}

/// One connection and its session.
pub(crate) struct Connection<'a, S> {
    pub(crate) session: Session,
    stream: S,
    input: BytesMut,
    requests: &'a mut mpsc::Receiver<Request>,
    requests_ended: bool,
    taken: Vec<Request>,
    waiting: HashMap<u32, oneshot::Sender<Result<Answer, SendError>>>,
    timer: Pin<Box<Sleep>>,
}

/// The time, as sessions count it.
pub(crate) fn now() -> std::time::Instant {
    Instant::now().into_std()
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Connection<'a, S> {
    pub(crate) fn new(
        stream: S,
        session: Session,
        requests: &'a mut mpsc::Receiver<Request>,
    ) -> Self {
        Self {
            session,
            stream,
            input: BytesMut::new(),
            requests,
            requests_ended: false,
            taken: Vec::new(),
            waiting: HashMap::new(),
            timer: Box::pin(sleep_until(Instant::now())),
        }
    }

    /// The next event, responses excepted: those go to whom they belong. Never returns after
    /// [`Event::Closed`].
    pub(crate) async fn event(&mut self) -> Event {
        loop {
            self.session.receive(&mut self.input, now());
            if let Some(event) = self.ready_event() {
                return event;
            }
            self.progress().await;
        }
    }

    /// An event that needs no waiting.
    pub(crate) fn ready_event(&mut self) -> Option<Event> {
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::Response { sequence, status, message_id } => {
                    self.answer(sequence, Ok(Answer { status, message_id }));
                }
                Event::TimedOut { sequence } => self.answer(sequence, Err(SendError::TimedOut)),
                event => return Some(event),
            }
        }
        None
    }

    fn answer(&mut self, sequence: u32, answer: Result<Answer, SendError>) {
        if let Some(waiter) = self.waiting.remove(&sequence) {
            // Whoever asked may have lost interest.
            let _ = waiter.send(answer);
        }
    }

    async fn progress(&mut self) {
        self.arm_timer();
        let read = self.session.wants_input(now());
        let room = if self.requests_ended { 0 } else { self.session.request_room() };
        let (stream, input, output) = (&mut self.stream, &mut self.input, self.session.output());
        tokio::select! {
            moved = poll_fn(|cx| poll_transfer(stream, input, output, read, cx)) => {
                if moved.is_err() {
                    self.session.disconnected();
                }
            }
            count = self.requests.recv_many(&mut self.taken, room), if room > 0 => {
                self.requests_ended = count == 0;
                self.send_taken();
            }
            () = self.timer.as_mut() => self.session.tick(now()),
        }
    }

    /// Sets the timer only when it would ring too late: deadlines mostly move away, and ringing
    /// early costs less than setting it for every message.
    fn arm_timer(&mut self) {
        let due = self.session.deadline().map_or_else(|| Instant::now() + FAR, Instant::from_std);
        if self.timer.is_elapsed() || due < self.timer.deadline() {
            self.timer.as_mut().reset(due);
        }
    }

    fn send_taken(&mut self) {
        let now = now();
        for Request { pdu, answer } in self.taken.drain(..) {
            match self.session.request(&pdu, now) {
                Ok(sequence) => {
                    self.waiting.insert(sequence, answer);
                }
                Err(error) => {
                    let _ = answer.send(Err(error.into()));
                }
            }
        }
    }

    /// Sends what is left and hangs up. The peer is read until it hangs up too, or the system
    /// would answer its octets with a reset that can overtake ours.
    pub(crate) async fn hang_up(mut self) {
        let farewell = async {
            self.stream.write_all_buf(self.session.output()).await?;
            self.stream.shutdown().await?;
            let mut ignored = [0; 1024];
            while self.stream.read(&mut ignored).await? > 0 {}
            io::Result::Ok(())
        };
        // Nothing is lost by a farewell that fails: the session has ended.
        let _ = timeout(FAREWELL, farewell).await;
    }
}

/// Writes all there is, reads what there is; ready once anything moved. An error where the
/// connection has ended.
fn poll_transfer<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    input: &mut BytesMut,
    output: &mut BytesMut,
    read: bool,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    let mut moved = false;
    while !output.is_empty() {
        match Pin::new(&mut *stream).poll_write(cx, output)? {
            Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(written) => output.advance(written),
            Poll::Pending => break,
        }
        moved = true;
    }
    // Over TLS, what was written may still be on this side. A flush that cannot end wakes us.
    let _ = Pin::new(&mut *stream).poll_flush(cx)?;
    if read {
        if input.capacity() - input.len() < MIN_READ_OCTETS {
            input.reserve(READ_OCTETS);
        }
        let octets = pin!(stream.read_buf(input)).poll(cx)?;
        if !moved || octets.is_ready() {
            return match ready!(octets) {
                0 => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                _ => Poll::Ready(Ok(())),
            };
        }
    }
    if moved { Poll::Ready(Ok(())) } else { Poll::Pending }
}
