//! What comes in, what goes out and what comes back, as owned values.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};

use super::super::model::{Api, Function, Service};
use super::headers::Headers;
use crate::vtl::gateway::Pairs;

/// A request to an API.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Its path as sent, with the API's base path or without.
    pub path: String,
    /// What stood for the path's parameters, as sent.
    pub path_parameters: Vec<(String, String)>,
    /// The query string, as sent, without `?`.
    pub query: String,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub body: Bytes,
    /// The exchange's id.
    pub request_id: String,
    /// The client's address.
    pub source_ip: String,
    /// `HTTP/1.1`, `HTTP/2.0`.
    pub protocol: String,
    /// `http` or `https`.
    pub scheme: String,
    /// The port it came to.
    pub port: u16,
    /// When it came, as `21/Nov/2026:07:46:27 +0000`.
    pub time: String,
    /// The same, in milliseconds since 1970.
    pub time_epoch: i64,
}

impl Request {
    /// With the method that `X-HTTP-Method-Override` names in place of its own (API Gateway's documentation, "known
    /// issues"). To be asked before a method of the API is looked for.
    pub fn with_method_override(mut self) -> Request {
        let named =
            self.headers.get(METHOD_OVERRIDE).and_then(|name| Method::from_bytes(name.as_bytes()).ok());
        self.method = named.unwrap_or(self.method);
        self
    }
}

/// What is to be sent to the backend.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// Where to.
    pub target: Target<'a>,
    /// How.
    pub method: Method,
    /// Headers; those that frame the message and `Host` are the sender's.
    pub headers: Headers,
    /// The body.
    pub body: Bytes,
    /// How long the answer may take.
    pub timeout: Duration,
}

/// Where a call goes.
#[derive(Debug, Clone)]
pub enum Target<'a> {
    /// This URL.
    Url(String),
    /// A Lambda function: the body is its event.
    Function(&'a Function),
    /// A service of AWS, with the path and query.
    Service(&'a Service, String),
}

/// An answer: the backend's, or what the client gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub body: Bytes,
}

/// Why the backend has not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It took too long.
    Timeout,
    /// It could not be reached, or broke off.
    Unreachable,
    /// There is no such address.
    InvalidAddress,
    /// Its answer is larger than an answer may be.
    TooLarge,
    /// It has no room for another call, and the queue is full.
    Busy,
}

/// Names the method that a request is taken to have.
pub(super) const METHOD_OVERRIDE: &str = "x-http-method-override";
/// Names that neither templates, nor mappings, nor functions get to see.
const INVISIBLE: [&str; 12] = [
    "connection",
    "content-length",
    "content-md5",
    "expect",
    "max-forwards",
    "proxy-authenticate",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
];

/// A request with what API Gateway makes of it before anything else happens.
#[derive(Debug)]
pub(super) struct Received<'a> {
    pub(super) request: &'a Request,
    /// The path without the API's base path.
    pub(super) path: &'a str,
    /// The headers that can be seen, with those that API Gateway adds.
    pub(super) headers: Headers,
    /// The query string, decoded.
    pub(super) query: Vec<(String, String)>,
}

impl<'a> Received<'a> {
    /// `declared`: the headers that the method declares.
    pub(super) fn new(api: &Api, request: &'a Request, declared: &[&str]) -> Received<'a> {
        let inner = request.path.strip_prefix(&api.base_path);
        let path = inner.filter(|rest| rest.starts_with('/')).unwrap_or(&request.path);
        Received { request, path, headers: visible(request, declared), query: decoded(&request.query) }
    }

    pub(super) fn path_parameters(&self) -> Pairs<'_> {
        pairs(&self.request.path_parameters)
    }

    pub(super) fn query(&self) -> Pairs<'_> {
        pairs(&self.query)
    }

    /// The last value of a name.
    pub(super) fn last<'v>(pairs: &'v [(String, String)], name: &str) -> Option<&'v str> {
        pairs.iter().rfind(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

pub(super) fn pairs(pairs: &[(String, String)]) -> Pairs<'_> {
    pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn visible(request: &Request, declared: &[&str]) -> Headers {
    let shown = |name: &str| !INVISIBLE.iter().any(|known| known.eq_ignore_ascii_case(name));
    let lines = request.headers.iter().filter(|(name, _)| shown(name));
    let mut headers: Headers =
        lines.map(|(name, value)| (cased(name, declared).to_owned(), value.to_owned())).collect();
    if !headers.contains("x-amzn-trace-id") {
        headers.append("X-Amzn-Trace-Id", trace_id(request));
    }
    let through = headers.all("x-forwarded-for").chain([request.source_ip.as_str()]);
    let through = through.filter(|address| !address.is_empty()).collect::<Vec<_>>().join(", ");
    headers.set("X-Forwarded-For", through);
    headers.set("X-Forwarded-Port", request.port.to_string());
    headers.set("X-Forwarded-Proto", request.scheme.clone());
    headers
}

/// API Gateway's own spelling of the names that it reads itself; all others stay as the client wrote them. HTTP/2 has no
/// capitals, and templates ask for names by their casing: there a name is spelt as the method declares it.
fn cased<'n>(name: &'n str, declared: &[&'n str]) -> &'n str {
    let has_capitals = name.bytes().any(|byte| byte.is_ascii_uppercase());
    let declared = if has_capitals { &[] } else { declared };
    let known = ["Authorization", "Host", "User-Agent"];
    let mut known = known.iter().chain(declared).copied();
    known.find(|known| known.eq_ignore_ascii_case(name)).unwrap_or(name)
}

/// `Root=1-<seconds>-<24 digits>`, as AWS X-Ray writes it, out of the time and the request's id.
fn trace_id(request: &Request) -> String {
    let seconds = request.time_epoch / 1000;
    let digits: String = request.request_id.chars().filter(char::is_ascii_hexdigit).take(24).collect();
    format!("Root=1-{seconds:08x}-{digits:0>24}")
}

fn decoded(query: &str) -> Vec<(String, String)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (plain(name), plain(value)))
        .collect()
}

fn plain(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_the_connection_cannot_be_seen_and_where_it_came_from_can() {
        let lines = [
            ("Connection", "close"),
            ("authorization", "a"),
            ("tEsT", "b"),
            ("x-id", "c"),
            ("x-forwarded-for", "1.2.3.4"),
        ];
        let request = Request {
            headers: lines.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
            source_ip: "10.0.0.1".to_owned(),
            scheme: "https".to_owned(),
            port: 443,
            request_id: "c6af9ac6-7b61-11e6-9a41-93e8deadbeef".to_owned(),
            time_epoch: 1_432_671_230_000,
            ..Request::default()
        };
        let lines: Vec<String> = Received::new(&Api::default(), &request, &["X-Id", "TEST"])
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        assert_eq!(
            lines,
            [
                "Authorization: a",
                "tEsT: b",
                "X-Id: c",
                "X-Amzn-Trace-Id: Root=1-5564d3fe-c6af9ac67b6111e69a4193e8",
                "X-Forwarded-For: 1.2.3.4, 10.0.0.1",
                "X-Forwarded-Port: 443",
                "X-Forwarded-Proto: https",
            ]
        );
    }

    #[test]
    fn a_query_is_read_as_a_form() {
        let check = |query: &str, expected: &[(&str, &str)]| {
            let decoded = decoded(query);
            assert_eq!(pairs(&decoded), expected, "{query}");
        };
        check("", &[]);
        check("a=1&a=2&b", &[("a", "1"), ("a", "2"), ("b", "")]);
        check("q=a+b%2Bc&&x%20y=%C3%A4", &[("q", "a b+c"), ("x y", "ä")]);
    }
}
