//! The client's request as an API sees it.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Request, Version, header};
use ipnet::IpNet;

use super::super::circumstances::common_log_time;
use super::super::headers::request_id::REQUEST_ID;
use super::super::headers::{Peer, is_among};
use crate::apigateway::execute::{self, Headers};
use crate::settings::ServerLimits;

/// The head of a request over HTTP/1.1 as it came: API Gateway shows names of headers in the casing of the client.
#[derive(Debug, Clone)]
pub(in crate::proxy) struct Spelling(pub Bytes);

/// The request without its body and what its path stands for.
pub(super) fn of<B>(request: &Request<B>, peer: &Peer, trusted: &[IpNet]) -> execute::Request {
    let mut headers = headers(request);
    let is_trusted = peer.is_in(trusted);
    let source_ip = if is_trusted { behind(peer.ip, &mut headers, trusted) } else { peer.ip.to_string() };
    let told = |name: &str| headers.get(name).filter(|_| is_trusted);
    let scheme = told("x-forwarded-proto").unwrap_or("http").to_owned();
    let port = told("x-forwarded-port").and_then(|port| port.parse().ok()).or_else(|| port_of(&headers));
    let usual_port = if scheme == "https" { 443 } else { 80 };
    let request_id = request.headers().get(&REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    #[expect(clippy::disallowed_methods, reason = "a time for templates and functions to tell")]
    let now = SystemTime::now();
    let since_1970 = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let asked = execute::Request {
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        request_id: request_id.to_owned(),
        source_ip,
        protocol: if request.version() == Version::HTTP_2 { "HTTP/2.0" } else { "HTTP/1.1" }.to_owned(),
        port: port.unwrap_or(usual_port),
        scheme,
        time: common_log_time(now),
        time_epoch: i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX),
        headers,
        ..execute::Request::default()
    };
    asked.with_method_override()
}

/// The headers in the client's own casing, where it had one.
fn headers<B>(request: &Request<B>) -> Headers {
    let spelt = request.extensions().get::<Spelling>().and_then(as_written);
    let mut headers = spelt.unwrap_or_else(|| Headers::from(request.headers()));
    // A target in absolute form outweighs what the header says.
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if let Some(host) = host.filter(|host| headers.get("host") != Some(host)) {
        headers.set("Host", host.to_owned());
    }
    headers
}

fn as_written(Spelling(head): &Spelling) -> Option<Headers> {
    let mut lines = [httparse::EMPTY_HEADER; ServerLimits::HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut lines);
    parsed.parse(head).ok()?;
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    Some(parsed.headers.iter().map(|line| (line.name.to_owned(), text(line.value))).collect())
}

/// The client behind trusted proxies: the last address in `X-Forwarded-For` that is none of theirs. What stays in the
/// header is what stood before it.
fn behind(peer: IpAddr, headers: &mut Headers, trusted: &[IpNet]) -> String {
    let told = headers.all("x-forwarded-for").flat_map(|value| value.split(','));
    let mut told: Vec<String> = told.map(|address| address.trim().to_owned()).collect();
    let is_trusted = |address: &str| {
        let address = address.parse::<IpAddr>().map(|address| address.to_canonical());
        address.is_ok_and(|address| is_among(address, trusted))
    };
    let mut client = peer.to_string();
    while is_trusted(&client) {
        let Some(before) = told.pop() else { break };
        client = before;
    }
    headers.remove("x-forwarded-for");
    if !told.is_empty() {
        headers.append("X-Forwarded-For", told.join(", "));
    }
    client
}

fn port_of(headers: &Headers) -> Option<u16> {
    let (_, port) = headers.get("host")?.rsplit_once(':')?;
    port.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_headers_keep_the_casing_of_the_client() {
        let head = "GET /a?b=1 HTTP/1.1\r\nHOST: a.example:81\r\nX-Id: 1\r\nx-ID: 2\r\n\r\n";
        let mut request = Request::get("/a?b=1").header("host", "a.example:81").body(()).unwrap();
        request.extensions_mut().insert(Spelling(Bytes::from(head)));
        let asked = of(&request, &Peer::new([192, 0, 2, 7].into()), &[]);
        let lines: Vec<_> = asked.headers.iter().collect();
        assert_eq!(lines, [("HOST", "a.example:81"), ("X-Id", "1"), ("x-ID", "2")]);
        assert_eq!((asked.path.as_str(), asked.query.as_str(), asked.port), ("/a", "b=1", 81));
        assert_eq!((asked.scheme.as_str(), asked.source_ip.as_str()), ("http", "192.0.2.7"));
    }

    #[test]
    fn the_client_is_behind_the_proxies_that_are_trusted() {
        let check = |peer: [u8; 4], told: &[&str], expected: &str, left: Option<&str>| {
            let mut request = Request::get("/").header("x-forwarded-proto", "https");
            for value in told {
                request = request.header("x-forwarded-for", *value);
            }
            let trusted = ["10.0.0.0/8".parse().unwrap()];
            let asked = of(&request.body(()).unwrap(), &Peer::new(peer.into()), &trusted);
            assert_eq!(asked.source_ip, expected);
            assert_eq!(asked.headers.get("x-forwarded-for"), left);
            let scheme = if peer[0] == 10 { ("https", 443) } else { ("http", 80) };
            assert_eq!((asked.scheme.as_str(), asked.port), scheme);
        };
        check([192, 0, 2, 7], &[], "192.0.2.7", None);
        check([192, 0, 2, 7], &["1.1.1.1"], "192.0.2.7", Some("1.1.1.1"));
        check([10, 0, 0, 1], &[], "10.0.0.1", None);
        check([10, 0, 0, 1], &["9.9.9.9, 1.1.1.1", "10.0.0.2"], "1.1.1.1", Some("9.9.9.9"));
        check([10, 0, 0, 1], &["10.0.0.2"], "10.0.0.2", None);
    }
}
