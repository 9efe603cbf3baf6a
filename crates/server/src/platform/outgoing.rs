//! Calls to providers: a request, and what came of it, within limits.

use std::time::Duration;

use http::header::RETRY_AFTER;

use crate::platform::backchannel::on_loopback;

/// How long one call may take, from looking up the name to the answer's last octet.
const CALL_TIME: Duration = Duration::from_secs(10);

/// What calls go out by. A redirection is an answer like any other: it would lead to where nobody
/// configured (server-side request forgery).
#[derive(Debug)]
pub struct Outgoing {
    client: reqwest::Client,
    /// For this machine, past any proxy.
    direct: reqwest::Client,
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answered {
    /// Its status.
    pub status: u16,
    /// Its `Retry-After`.
    pub retry_after: Option<String>,
    /// The body, as far as it was wanted.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unanswered {
    /// Nobody has the request.
    NotSent,
    /// Somebody may have it.
    Lost,
}

impl Outgoing {
    /// For https, and http of this machine.
    pub fn new() -> Result<Self, reqwest::Error> {
        let builder = || {
            let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
            builder.timeout(CALL_TIME).user_agent("twinpath")
        };
        Ok(Self { client: builder().build()?, direct: builder().no_proxy().build()? })
    }

    /// Makes a request, and reads at most so many octets of the answer's body.
    pub async fn ask(
        &self,
        request: http::Request<Vec<u8>>,
        most: usize,
    ) -> Result<Answered, Unanswered> {
        let url = request.uri().to_string();
        let local = on_loopback(&url);
        if !local && !url.starts_with("https://") {
            return Err(Unanswered::NotSent);
        }
        let request = reqwest::Request::try_from(request).map_err(|_| Unanswered::NotSent)?;
        let client = if local { &self.direct } else { &self.client };
        let mut response = client.execute(request).await.map_err(|error| {
            let sent = !error.is_connect() && !error.is_builder();
            if sent { Unanswered::Lost } else { Unanswered::NotSent }
        })?;
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        while body.len() < most
            && let Some(more) = response.chunk().await.map_err(|_| Unanswered::Lost)?
        {
            body.extend_from_slice(&more);
        }
        body.truncate(most);
        Ok(Answered { status: response.status().as_u16(), retry_after, body })
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one request so, and gives its octets.
    async fn answering(answer: &'static str) -> (String, tokio::task::JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/x", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut octets = vec![0; 4096];
            let read = stream.read(&mut octets).await.unwrap();
            octets.truncate(read);
            stream.write_all(answer.as_bytes()).await.unwrap();
            octets
        });
        (url, task)
    }

    fn get(url: &str) -> http::Request<Vec<u8>> {
        http::Request::get(url).body(Vec::new()).unwrap()
    }

    #[tokio::test]
    async fn a_redirection_is_an_answer_and_a_long_body_is_cut() {
        let outgoing = Outgoing::new().unwrap();
        let (url, task) = answering(
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nRetry-After: 7\r\n\
             Content-Length: 10\r\n\r\n0123456789",
        )
        .await;
        let answered = outgoing.ask(get(&url), 4).await.unwrap();
        assert_eq!((answered.status, answered.body), (302, b"0123".to_vec()));
        assert_eq!(answered.retry_after.as_deref(), Some("7"));
        assert!(task.await.unwrap().starts_with(b"GET /x HTTP/1.1\r\n"));
    }

    #[tokio::test]
    async fn what_was_not_sent_is_told_from_what_may_have_been() {
        let outgoing = Outgoing::new().unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let nobody = get(&format!("http://{closed}/"));
        assert_eq!(outgoing.ask(nobody, 9).await, Err(Unanswered::NotSent));
        let (url, task) = answering("").await;
        assert_eq!(outgoing.ask(get(&url), 9).await, Err(Unanswered::Lost));
        task.await.unwrap();
        let clear = get("http://192.0.2.1/");
        assert_eq!(outgoing.ask(clear, 9).await, Err(Unanswered::NotSent), "never in the clear");
    }
}
