//! What is given in a case: the request, and the answer that the upstream makes to it.

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode, Uri};

use super::content;
use crate::apigateway::execute::{self, Failure, Headers};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::{Fields, Node};
use crate::engine::mutation::allows_body;
use crate::engine::{Answer, AnswerHead, Exchange, RequestSnapshot};

const REQUEST_KEYS: &[&str] = &["method", "path", "headers", "peer"];
const API_REQUEST_KEYS: &[&str] = &["method", "path", "headers", "peer", "body", "json", "base64", "hex"];
const UPSTREAM_KEYS: &[&str] = &["status", "reason", "headers", "body", "json", "base64", "hex"];
const API_UPSTREAM_KEYS: &[&str] =
    &["status", "reason", "headers", "body", "json", "base64", "hex", "failure"];

/// Why an upstream does not answer, as cases write it.
const FAILURES: [(&str, Failure); 5] = [
    ("timeout", Failure::Timeout),
    ("refused", Failure::Unreachable),
    ("invalid_address", Failure::InvalidAddress),
    ("too_large", Failure::TooLarge),
    ("busy", Failure::Busy),
];
/// What stands for the id of an exchange that nobody carries.
const REQUEST_ID: &str = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef";
/// What stands for the time of such an exchange, in the two forms that API Gateway tells it.
const TIME: (&str, i64) = ("21/Nov/2026:07:46:27 +0000", 1_795_247_187_000);

/// What a case is about, as far as it bears on what can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Rules,
    Api,
}

/// The request and the upstream's answer.
#[derive(Debug, Clone)]
pub struct Given {
    /// What the client asks.
    pub request: Request,
    /// What the upstream answers.
    pub upstream: Upstream,
}

/// What the client asks.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method, target and headers; `GET /` unless given.
    pub snapshot: RequestSnapshot,
    /// The headers with their names as they are written.
    pub lines: Headers,
    /// The body. Rules see none, and their cases have none.
    pub body: Bytes,
    /// Who asks; 127.0.0.1 unless given.
    pub peer: IpAddr,
}

/// What the upstream answers.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Status, headers and body as the proxy reads them: with `Content-Length` unless the body is chunked, and
    /// without a body where the request or the status allows none.
    pub answer: Answer,
    /// The reason phrase, where it is not the status's own.
    pub reason: Option<String>,
    /// Whether the body is sent in chunks (`transfer-encoding: chunked`).
    pub chunked: bool,
    /// Why there is no answer at all; only behind APIs.
    pub failure: Option<Failure>,
}

impl Given {
    pub(super) fn read(case: &Fields<'_>, about: About, diagnostics: &mut Diagnostics) -> Option<Given> {
        let request = match case.get("request") {
            Some(node) => Request::read(node, about, diagnostics),
            None => Some(Request::default()),
        };
        let method = match (&request, about) {
            (Some(request), About::Rules) => request.snapshot.method.clone(),
            // What an integration sends is a request of its own.
            _ => Method::GET,
        };
        let upstream = match case.get("upstream") {
            Some(node) => Upstream::read(node, &method, about, diagnostics),
            None => Some(Upstream::of(StatusCode::OK, HeaderMap::new(), Bytes::new(), &method)),
        };
        Some(Given { request: request?, upstream: upstream? })
    }

    /// What has been asked and answered before, with the request's body and from whom it came.
    pub fn before(exchange: Exchange, body: Bytes, peer: IpAddr) -> Given {
        let Exchange { request: snapshot, answer } = exchange;
        let lines = Headers::from(&snapshot.headers);
        let upstream = Upstream { answer, reason: None, chunked: false, failure: None };
        Given { request: Request { snapshot, lines, body, peer }, upstream }
    }

    /// The engine's view of it.
    pub fn exchange(&self) -> Exchange {
        Exchange { request: self.request.snapshot.clone(), answer: self.upstream.answer.clone() }
    }
}

impl Default for Request {
    fn default() -> Request {
        let snapshot = RequestSnapshot {
            method: Method::GET,
            uri: Uri::from_static("/"),
            headers: HeaderMap::new(),
            circumstances: None,
        };
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Request { snapshot, peer, lines: Headers::new(), body: Bytes::new() }
    }
}

impl Request {
    fn read(node: &Node, about: About, diagnostics: &mut Diagnostics) -> Option<Request> {
        let keys = if about == About::Api { API_REQUEST_KEYS } else { REQUEST_KEYS };
        let fields = node.fields("`request`", keys, diagnostics)?;
        let default = Request::default();
        let method = or(default.snapshot.method, fields.get("method"), |node| method(node, diagnostics));
        let uri = or(default.snapshot.uri, fields.get("path"), |node| target(node, diagnostics));
        let lines = or(Headers::new(), fields.get("headers"), |node| content::lines(node, diagnostics));
        let body = content::body(&fields, diagnostics);
        let peer = or(default.peer, fields.get("peer"), |node| peer(node, diagnostics));
        let (mut lines, (key, body)) = (lines?, body?);
        if key == Some("json") && !lines.contains("content-type") {
            lines.append("Content-Type", "application/json");
        }
        let headers = content::sent(&lines);
        Some(Request {
            snapshot: RequestSnapshot { method: method?, uri: uri?, headers, circumstances: None },
            peer: peer?,
            lines,
            body,
        })
    }

    /// The request as an API gets it, to that host unless it names one.
    pub(super) fn to_api(&self, host: &str) -> execute::Request {
        let RequestSnapshot { method, uri, .. } = &self.snapshot;
        let mut headers = Headers::new();
        if !self.lines.contains("host") {
            headers.append("Host", host.to_owned());
        }
        self.lines.iter().for_each(|(name, value)| headers.append(name.to_owned(), value.to_owned()));
        let (time, time_epoch) = TIME;
        let request = execute::Request {
            method: method.clone(),
            path: uri.path().to_owned(),
            path_parameters: Vec::new(),
            query: uri.query().unwrap_or_default().to_owned(),
            headers,
            body: self.body.clone(),
            request_id: REQUEST_ID.to_owned(),
            source_ip: self.peer.to_string(),
            protocol: "HTTP/1.1".to_owned(),
            scheme: "http".to_owned(),
            port: 80,
            time: time.to_owned(),
            time_epoch,
        };
        request.with_method_override()
    }
}

impl Upstream {
    fn read(node: &Node, method: &Method, about: About, diagnostics: &mut Diagnostics) -> Option<Upstream> {
        let keys = if about == About::Api { API_UPSTREAM_KEYS } else { UPSTREAM_KEYS };
        let fields = node.fields("`upstream`", keys, diagnostics)?;
        if let Some(entry) = fields.entry("failure") {
            if fields.entries().len() > 1 {
                diagnostics.error(&entry.key_place, "an answer beside `failure`");
            }
            let failure = entry.node.word("a failure", &FAILURES, diagnostics)?;
            let answer = Upstream::of(StatusCode::OK, HeaderMap::new(), Bytes::new(), method);
            return Some(Upstream { failure: Some(failure), ..answer });
        }
        let status = or(StatusCode::OK, fields.get("status"), |node| status(node, diagnostics));
        let reason = or(None, fields.get("reason"), |node| phrase(node, diagnostics).map(Some));
        let headers = or(HeaderMap::new(), fields.get("headers"), |node| content::headers(node, diagnostics));
        let body = content::body(&fields, diagnostics);
        let (status, mut headers, (key, body)) = (status?, headers?, body?);
        if key == Some("json") {
            headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        }
        if !body.is_empty() && !allows_body(status) {
            let message = format!("an answer of status {} has no body", status.as_u16());
            diagnostics.error(&node.place, message);
        }
        check_framing(&headers, &body, method, node, diagnostics);
        Some(Upstream { reason: reason?, ..Upstream::of(status, headers, body, method) })
    }

    fn of(status: StatusCode, mut headers: HeaderMap, body: Bytes, method: &Method) -> Upstream {
        let chunked = headers.remove(header::TRANSFER_ENCODING).is_some();
        // Every other answer has a body, if only an empty one (RFC 9112, section 6.3).
        if !chunked && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            headers.entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(body.len()));
        }
        let body = if method == Method::HEAD { Bytes::new() } else { body };
        let answer = Answer { head: AnswerHead { status, headers }, body };
        Upstream { answer, reason: None, chunked, failure: None }
    }

    /// What an API is told of it.
    ///
    /// # Errors
    /// Where there is no answer.
    pub(super) fn to_api(&self) -> Result<execute::Answer, Failure> {
        let Answer { head, body } = &self.answer;
        let answer = execute::Answer {
            status: head.status,
            headers: Headers::from(&head.headers),
            body: body.clone(),
        };
        self.failure.map_or(Ok(answer), Err)
    }
}

/// A case tells what is made of an answer, and an answer that is not HTTP is none.
fn check_framing(
    headers: &HeaderMap,
    body: &Bytes,
    method: &Method,
    node: &Node,
    diagnostics: &mut Diagnostics,
) {
    let text = |name: HeaderName| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let coding = text(header::TRANSFER_ENCODING);
    if let Some(coding) = coding.as_ref().filter(|coding| !coding.eq_ignore_ascii_case("chunked")) {
        diagnostics
            .error(&node.place, format!("the transfer coding `{coding}` cannot be sent, only `chunked`"));
    }
    let Some(length) = text(header::CONTENT_LENGTH) else { return };
    if coding.is_some() {
        diagnostics.error(&node.place, "`content-length` beside `transfer-encoding`");
    } else if method != Method::HEAD && *length != body.len().to_string() {
        let message = format!("`content-length` is `{length}`, but the body has {} bytes", body.len());
        diagnostics.push(Diagnostic::error(message).at(&node.place).help("leave it out: it is sent anyway"));
    }
}

/// The value of a key as `read` understands it, or `default` when the key is not there.
fn or<T>(default: T, node: Option<&Node>, read: impl FnOnce(&Node) -> Option<T>) -> Option<T> {
    match node {
        Some(node) => read(node),
        None => Some(default),
    }
}

/// A method.
pub(super) fn method(node: &Node, diagnostics: &mut Diagnostics) -> Option<Method> {
    let text = node.text("a method", diagnostics)?;
    let method = Method::from_bytes(text.as_bytes()).ok();
    if method.is_none() {
        diagnostics.error(&node.place, format!("`{text}` is not a method"));
    }
    method
}

fn target(node: &Node, diagnostics: &mut Diagnostics) -> Option<Uri> {
    let text = node.text("a path", diagnostics)?;
    let uri = text.parse().ok().filter(|_| text.starts_with('/'));
    if uri.is_none() {
        let wrong = Diagnostic::error(format!("`{text}` is not a path")).at(&node.place);
        diagnostics.push(wrong.help("a path begins with `/` and may have a query: `/orders/17?full=1`"));
    }
    uri
}

fn peer(node: &Node, diagnostics: &mut Diagnostics) -> Option<IpAddr> {
    let text = node.text("an address", diagnostics)?;
    let address = text.parse().ok();
    if address.is_none() {
        diagnostics.error(&node.place, format!("`{text}` is not an IP address"));
    }
    address
}

/// A status that ends an exchange, also such as no standard knows.
pub(super) fn status(node: &Node, diagnostics: &mut Diagnostics) -> Option<StatusCode> {
    let code = node.integer("a status", 200..=999, diagnostics)?;
    StatusCode::from_u16(u16::try_from(code).ok()?).ok()
}

/// A reason phrase.
pub(super) fn phrase(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = node.text("a reason phrase", diagnostics)?;
    if !text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        diagnostics.error(&node.place, "a reason phrase is printable ASCII on one line");
        return None;
    }
    Some(text.to_owned())
}
