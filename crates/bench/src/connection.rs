//! HTTP/1.1 over one kept connection, as cheap as it gets: the load must cost much less than the
//! server. Reads only what our own server writes: answers with a `Content-Length`.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longer than any wait a request asks for.
const PATIENCE: Duration = Duration::from_secs(40);
const MAX_ANSWER: usize = 1024 * 1024;

/// A connection to one server, made when it is first needed and after each error.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    input: BytesMut,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `DPoP-Nonce`.
    pub(crate) nonce: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, input: BytesMut::with_capacity(4096) }
    }

    /// Sends a whole request and reads its answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        let timely = tokio::time::timeout(PATIENCE, self.converse(request)).await;
        let answer = timely.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
        if answer.is_err() {
            self.stream = None;
            self.input.clear();
        }
        answer
    }

    async fn converse(&mut self, request: &[u8]) -> Result<Answer> {
        let mut stream = if let Some(stream) = self.stream.take() {
            stream
        } else {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            stream
        };
        stream.write_all(request).await?;
        let input = &mut self.input;
        loop {
            if let Some(answer) = take_answer(input)? {
                self.stream = Some(stream);
                return Ok(answer);
            }
            if input.len() > MAX_ANSWER || stream.read_buf(input).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// `GET` with a header or none, each with its line's end.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Answer> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address);
        self.exchange(request.as_bytes()).await
    }

    /// A request of the admin API, with JSON or nothing.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        bearer: &str,
        body: &[u8],
    ) -> Result<Answer> {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {bearer}\r\ncontent-type: \
             application/json\r\ncontent-length: {}\r\n\r\n",
            self.address,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.exchange(&request).await
    }
}

fn malformed(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

/// Takes a complete answer from the input, if there is one.
fn take_answer(input: &mut BytesMut) -> Result<Option<Answer>> {
    let Some(end) = input.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = input.get(..end).unwrap_or_default();
    let head = std::str::from_utf8(head).map_err(|_| malformed("the head is no text"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let status = status.ok_or_else(|| malformed("the status line"))?;
    let (mut length, mut nonce) = (None, None);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse::<usize>().ok();
        } else if name.eq_ignore_ascii_case("dpop-nonce") {
            nonce = Some(value.to_owned());
        }
    }
    // RFC 9110 15.3.5: a 204 has neither.
    let length = if status == 204 { Some(0) } else { length };
    let length = length.ok_or_else(|| malformed("an answer without Content-Length"))?;
    let start = end + 4;
    let Some(body) = input.get(start..start + length) else {
        return Ok(None);
    };
    let answer = Answer { status, nonce, body: body.to_vec() };
    input.advance(start + length);
    Ok(Some(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_taken_when_they_are_whole() {
        let whole = b"HTTP/1.1 400 Bad\r\nDPoP-Nonce: n\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 200";
        for short in 0..whole.len() - 13 {
            let mut input = BytesMut::from(whole.get(..short).unwrap());
            assert!(take_answer(&mut input).unwrap().is_none(), "{short}");
        }
        let mut input = BytesMut::from(&whole[..]);
        let answer = take_answer(&mut input).unwrap().unwrap();
        assert_eq!((answer.status, answer.nonce.as_deref()), (400, Some("n")));
        assert_eq!((answer.body.as_slice(), &input[..]), (&b"{}"[..], &b"HTTP/1.1 200"[..]));
        assert!(take_answer(&mut BytesMut::from("HTTP/1.1 200 OK\r\n\r\n")).is_err());
    }
}
