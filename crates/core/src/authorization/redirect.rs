//! Redirect URIs: compared as strings (RFC 9700 2.1), but for the port of a native app's loopback
//! (RFC 8252 7.3).

/// The registered URI's form of `asked`: `asked` itself if it is registered, or differs from a
/// registered loopback URI by its port only. `None`: it must not be redirected to.
pub fn redirect_uri_of<'a>(asked: &'a str, registered: &[String]) -> Option<&'a str> {
    let known = |uri: &String| uri == asked || same_but_port(uri, asked);
    registered.iter().any(known).then_some(asked)
}

/// Only literal loopback addresses: `localhost` may be resolved elsewhere (RFC 8252 8.3).
fn same_but_port(registered: &str, asked: &str) -> bool {
    let split = |uri: &str| -> Option<(usize, String)> {
        let host = ["http://127.0.0.1", "http://[::1]"].into_iter().find(|h| uri.starts_with(h))?;
        let rest = uri.get(host.len()..)?;
        let rest = match rest.strip_prefix(':') {
            Some(ported) => {
                let end = ported.find(|c: char| !c.is_ascii_digit()).unwrap_or(ported.len());
                let (port, rest) = ported.split_at(end);
                port.parse::<u16>().ok().filter(|port| *port > 0)?;
                rest
            }
            None => rest,
        };
        let whole = rest.is_empty() || rest.starts_with(['/', '?']);
        whole.then(|| (host.len(), rest.to_owned()))
    };
    matches!((split(registered), split(asked)), (Some(left), Some(right)) if left == right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_registered_is_redirected_to() {
        let registered: Vec<String> = [
            "https://app.example/cb",
            "http://127.0.0.1/cb",
            "http://[::1]:1234/cb?x=1",
            "http://localhost:3000/cb",
            "com.example.app:/cb",
        ]
        .map(str::to_owned)
        .to_vec();
        for right in [
            "https://app.example/cb",
            "http://127.0.0.1/cb",
            "http://127.0.0.1:49152/cb",
            "http://[::1]:1/cb?x=1",
            "http://[::1]/cb?x=1",
            "http://localhost:3000/cb",
            "com.example.app:/cb",
        ] {
            assert_eq!(redirect_uri_of(right, &registered), Some(right));
        }
        for wrong in [
            "",
            "https://app.example/cb/",
            "https://app.example/cb?x=1",
            "https://app.example/CB",
            "https://app.example:443/cb",
            "https://app.example.evil/cb",
            "http://app.example/cb",
            "http://127.0.0.1:49152/other",
            "http://127.0.0.1:0/cb",
            "http://127.0.0.1:99999/cb",
            "http://127.0.0.1:80@evil.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.1:8080evil/cb",
            "http://127.0.0.1@evil.example/cb",
            "https://127.0.0.1:1/cb",
            "http://[::1]:1/cb",
            "http://localhost:3001/cb",
            "com.example.app:/cb2",
        ] {
            assert_eq!(redirect_uri_of(wrong, &registered), None, "{wrong}");
        }
    }
}
