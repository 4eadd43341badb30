//! Cases as they stand on the wire: the request to the sidecar, what the upstream is sent and answers, what the client
//! gets.

use std::io::Write as _;
use std::net::SocketAddr;

use candor::apigateway::execute::Headers;
use candor::apigateway::model::Function;
use candor::case::{Decision, Given, Played, Request, Sent, SentRequest, SentTo};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::support::client::{Answered, Client};
use crate::support::upstream::Received;

const FUNCTIONS: &str = "/2015-03-31/functions/";
const INVOCATIONS: &str = "/invocations";

/// The upstream's answer, its body in chunks of a few bytes where it is chunked.
pub fn answer(given: &Given) -> Vec<u8> {
    let (answer, status) = (&given.upstream.answer, given.upstream.answer.head.status);
    let reason = given.upstream.reason.as_deref().or(status.canonical_reason()).unwrap_or_default();
    let mut wire = format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).into_bytes();
    for (name, value) in &answer.head.headers {
        write_line(&mut wire, name.as_str(), value.as_bytes());
    }
    if !given.upstream.chunked {
        wire.extend(b"\r\n");
        wire.extend(&answer.body);
        return wire;
    }
    wire.extend(b"transfer-encoding: chunked\r\n\r\n");
    if given.request.snapshot.method != http::Method::HEAD {
        for chunk in answer.body.chunks(7) {
            write!(wire, "{:x}\r\n", chunk.len()).unwrap();
            wire.extend(chunk);
            wire.extend(b"\r\n");
        }
        wire.extend(b"0\r\n\r\n");
    }
    wire
}

fn write_line(wire: &mut Vec<u8>, name: &str, value: &[u8]) {
    wire.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
}

/// Sends the request on a connection of its own.
pub fn through(door: SocketAddr, given: &Given) -> Played {
    let Request { snapshot: request, lines, body, .. } = &given.request;
    let mut wire = format!("{} {} HTTP/1.1\r\n", request.method, request.uri).into_bytes();
    if !lines.contains("host") {
        write_line(&mut wire, "Host", b"sidecar.test");
    }
    for (name, value) in lines.iter() {
        write_line(&mut wire, name, value.as_bytes());
    }
    if !body.is_empty() {
        write_line(&mut wire, "Content-Length", body.len().to_string().as_bytes());
    }
    wire.extend(b"\r\n");
    wire.extend(body);
    let mut client = Client::connect(door);
    client.send(wire);
    played(client.answer(request.method == http::Method::HEAD))
}

/// Where the function of that name is asked.
pub fn function_path(name: &str) -> String {
    format!("{FUNCTIONS}{name}{INVOCATIONS}")
}

/// What a function is called by, with its alias.
pub fn function_name(function: &Function) -> String {
    let qualifier = function.qualifier.as_ref().map(|qualifier| format!(":{qualifier}"));
    format!("{}{}", function.name, qualifier.unwrap_or_default())
}

/// What an upstream was sent.
pub fn sent(received: Received) -> SentRequest {
    let mut line = received.head.start.split(' ');
    let (method, path) = (line.next().unwrap(), line.next().unwrap());
    let name = path.strip_prefix(FUNCTIONS).and_then(|rest| rest.strip_suffix(INVOCATIONS));
    let target = match name {
        Some(name) => SentTo::Function(name.to_owned()),
        None => SentTo::Path(path.to_owned()),
    };
    let headers = Headers::from_iter(received.head.headers);
    SentRequest { method: method.parse().unwrap(), target, headers, body: received.payload.bytes.into() }
}

fn played(answered: Answered) -> Played {
    assert!(answered.payload.complete, "a broken answer: {answered:?}");
    let line = answered.head.start.splitn(3, ' ').collect::<Vec<_>>();
    let header = |(name, value): &(String, String)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    let mut headers = HeaderMap::new();
    for (name, value) in answered.head.headers.iter().map(header) {
        headers.append(name, value);
    }
    Played {
        status: StatusCode::from_bytes(line[1].as_bytes()).unwrap(),
        reason: line.get(2).copied().unwrap_or_default().to_owned(),
        headers,
        body: answered.payload.bytes.into(),
        sent: Sent::Unseen,
        decision: Decision::Unseen,
    }
}
