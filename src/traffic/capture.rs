//! Candor's own recordings: JSON Lines, one exchange a line, with what the sidecar made of it. Written by the proxy
//! when `capture:` says so, without secrets; read by the commands for recorded traffic.
//!
//! Bodies are text as rules read it, or base64 where it is not UTF-8. A body that no rule looks into is left out, as
//! nobody could tell what secrets it holds. Of requests the body is there where an API has read it.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde::{Deserialize, Serialize};

use super::redact::{REDACTED, Redaction};
use super::{Noted, Recorded, name_utf8};
use crate::engine::hold::Inspect;
use crate::engine::outcome::{Outcome, Shadow};
use crate::engine::{self, Answer, AnswerHead, Exchange, Legible, RequestSnapshot};

/// The first member of every line: what it is, and the version of the format.
pub const MARK: &str = "{\"candor_capture\":";
const VERSION: u32 = 1;

/// An exchange as the sidecar saw it, to be written down.
#[derive(Debug)]
pub struct Captured {
    /// When it came, as RFC 3339 has it.
    pub time: String,
    /// Who asked.
    pub client: IpAddr,
    /// From the request to the head of the answer.
    pub took: Duration,
    /// The name of its route, or of an API's resource.
    pub route: String,
    /// What was asked and answered.
    pub exchange: Exchange,
    /// Whether the end of the answer's body is missing.
    pub is_cut: bool,
    /// What was made of it.
    pub made: Made,
}

/// Who made what of an upstream's answer.
#[derive(Debug)]
pub enum Made {
    /// The rules that were asked, if any were.
    ByRules {
        /// Their name.
        rule_set: Option<Arc<str>>,
        /// What they decided.
        outcome: Outcome,
    },
    /// An API.
    ByApi(Box<ByApi>),
}

/// What an API did.
#[derive(Debug)]
pub struct ByApi {
    /// The request's body, which it may have read.
    pub request_body: Bytes,
    /// Whether the end of that is missing.
    pub is_request_cut: bool,
    /// The status of what it made.
    pub status: StatusCode,
    /// Whether the client got another status or another body than the upstream sent.
    pub is_changed: bool,
    /// Which integration response the answer has met.
    pub integration_response: Option<String>,
    /// The gateway response that stood in for an answer, and why.
    pub gateway_response: Option<(&'static str, String)>,
}

/// What of a body may be written down.
#[derive(Debug)]
pub struct Writing<'w> {
    /// Bodies that rules may look into.
    pub inspect: &'w Inspect,
    /// Bytes of a body.
    pub body_bytes_max: u64,
    /// What is made unreadable.
    pub redaction: &'w Redaction,
}

#[derive(Serialize, Deserialize)]
struct Line {
    candor_capture: u32,
    time: String,
    client: IpAddr,
    #[serde(default)]
    took_ms: Option<u64>,
    route: String,
    rule_set: Option<String>,
    verdict: String,
    rule: Option<String>,
    reason: Option<String>,
    status: u16,
    shadows: Vec<ShadowLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    api: Option<ApiLine>,
    request: RequestLine,
    upstream: UpstreamLine,
}

#[derive(Serialize, Deserialize)]
struct ShadowLine {
    rule: String,
    status: Option<u16>,
}

/// There where an API carried the exchange.
#[derive(Serialize, Deserialize)]
struct ApiLine {
    integration_response: Option<String>,
    gateway_response: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct RequestLine {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    /// Whether the end of the body is missing, or all of it; unknown where no body is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cut: Option<bool>,
}

#[derive(Serialize, Deserialize)]
struct UpstreamLine {
    status: u16,
    headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    /// Whether the end of the body is missing, or all of it.
    cut: bool,
}

/// A message as it is written down.
struct Written {
    headers: Vec<(String, String)>,
    body: Option<String>,
    body_base64: Option<String>,
    cut: bool,
}

impl Captured {
    /// The exchange as one line, without its end.
    pub fn to_line(&self, writing: &Writing<'_>) -> String {
        let Captured { exchange: Exchange { request, answer }, made, .. } = self;
        let redaction = writing.redaction;
        let shadow = |shadow: &Shadow| ShadowLine {
            rule: shadow.rule.to_string(),
            status: shadow.status.map(|status| status.as_u16()),
        };
        let status = made.status().unwrap_or(answer.head.status);
        let line = Line {
            candor_capture: VERSION,
            time: self.time.clone(),
            client: self.client,
            took_ms: u64::try_from(self.took.as_millis()).ok(),
            route: self.route.clone(),
            rule_set: made.rule_set().map(str::to_owned),
            verdict: made.verdict().to_owned(),
            rule: made.rule().map(str::to_owned),
            reason: made.reason().map(|reason| redaction.text(&reason).into_owned()),
            status: status.as_u16(),
            shadows: made.shadows().iter().map(shadow).collect(),
            api: made.api().map(|it| it.line(redaction)),
            request: made.request(request, writing),
            upstream: self.upstream(writing),
        };
        // Texts, numbers and lists of them: there is nothing that could not be written.
        serde_json::to_string(&line).unwrap_or_default()
    }

    fn upstream(&self, writing: &Writing<'_>) -> UpstreamLine {
        let Exchange { request, answer } = &self.exchange;
        // What an integration sends is a request of its own, whose answer may have a body.
        let sent = if self.made.api().is_some() { &whatever() } else { request };
        let Written { headers, body, body_base64, cut } = writing.of(sent, answer, self.is_cut);
        UpstreamLine { status: answer.head.status.as_u16(), headers, body, body_base64, cut }
    }
}

impl Made {
    /// What was decided, in one word.
    pub fn verdict(&self) -> &'static str {
        match self {
            Made::ByRules { outcome, .. } => outcome.verdict.word(),
            Made::ByApi(it) if it.gateway_response.is_some() => "failed",
            Made::ByApi(it) if it.is_changed => "rewrite",
            Made::ByApi(_) => "pass",
        }
    }

    /// The rule that decided.
    pub fn rule(&self) -> Option<&str> {
        self.outcome().and_then(|outcome| outcome.verdict.rule())
    }

    /// Rules in shadow mode that would have decided.
    pub fn shadows(&self) -> &[Shadow] {
        self.outcome().map_or(&[], |outcome| &outcome.shadows)
    }

    fn outcome(&self) -> Option<&Outcome> {
        match self {
            Made::ByRules { outcome, .. } => Some(outcome),
            Made::ByApi(_) => None,
        }
    }

    fn api(&self) -> Option<&ByApi> {
        match self {
            Made::ByRules { .. } => None,
            Made::ByApi(it) => Some(it),
        }
    }

    fn rule_set(&self) -> Option<&str> {
        match self {
            Made::ByRules { rule_set, .. } => rule_set.as_deref(),
            Made::ByApi(_) => None,
        }
    }

    fn reason(&self) -> Option<Cow<'_, str>> {
        match self {
            Made::ByRules { outcome, .. } => outcome.verdict.reason().map(|it| it.to_string().into()),
            Made::ByApi(it) => it.gateway_response.as_ref().map(|(_, cause)| cause.as_str().into()),
        }
    }

    /// The status that the client got, where it is not the upstream's.
    fn status(&self) -> Option<StatusCode> {
        match self {
            Made::ByRules { outcome, .. } => outcome.mutation.status,
            Made::ByApi(it) => Some(it.status),
        }
    }

    /// The request, with its body if an API has read it.
    fn request(&self, request: &RequestSnapshot, writing: &Writing<'_>) -> RequestLine {
        let method = request.method.to_string();
        let url = writing.redaction.text(&request.uri.to_string()).into_owned();
        let Some(ByApi { request_body, is_request_cut, .. }) = self.api() else {
            let headers = pairs(&request.headers, writing.redaction);
            return RequestLine { method, url, headers, body: None, body_base64: None, cut: None };
        };
        let head = AnswerHead { status: StatusCode::OK, headers: request.headers.clone() };
        let message = Answer { head, body: request_body.clone() };
        let Written { headers, body, body_base64, cut } = writing.of(&whatever(), &message, *is_request_cut);
        RequestLine { method, url, headers, body, body_base64, cut: Some(cut) }
    }
}

impl ByApi {
    fn line(&self, redaction: &Redaction) -> ApiLine {
        let chosen = self.integration_response.as_ref();
        ApiLine {
            integration_response: chosen.map(|chosen| redaction.text(chosen).into_owned()),
            gateway_response: self.gateway_response.as_ref().map(|(kind, _)| (*kind).to_owned()),
        }
    }
}

/// A request to which any answer may have a body.
fn whatever() -> RequestSnapshot {
    RequestSnapshot {
        method: Method::GET,
        uri: Uri::default(),
        headers: HeaderMap::new(),
        circumstances: None,
    }
}

impl Writing<'_> {
    /// A message that answers this request, or looks as if it did.
    fn of(&self, request: &RequestSnapshot, message: &Answer, is_cut: bool) -> Written {
        let mut headers = message.head.headers.clone();
        let (body, cut) = match engine::legible(request, message, self.inspect, self.body_bytes_max) {
            Legible::AsSent(body) => (Some(body), is_cut),
            Legible::Undone { text, is_cut: is_text_cut } => {
                headers.remove(header::CONTENT_ENCODING);
                name_utf8(&mut headers);
                (Some(text), is_cut || is_text_cut)
            }
            Legible::No => (None, is_cut || !message.body.is_empty()),
        };
        let headers = pairs(&headers, self.redaction);
        let (body, body_base64) = match body.as_deref().map(str::from_utf8) {
            None => (None, None),
            Some(Ok(text)) => (Some(self.redaction.text(text).into_owned()), None),
            Some(Err(_)) => (None, body.map(|bytes| base64_without_secrets(&bytes, self.redaction))),
        };
        Written { headers, body, body_base64, cut }
    }
}

/// Bytes in a charset that nobody named. All that are in use write names of fields as ASCII does, so what is between
/// two bytes that are not ASCII is a text to look for secrets in.
fn base64_without_secrets(bytes: &[u8], redaction: &Redaction) -> String {
    let mut clean = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        clean.extend_from_slice(redaction.text(chunk.valid()).as_bytes());
        clean.extend_from_slice(chunk.invalid());
    }
    STANDARD.encode(clean)
}

fn pairs(headers: &HeaderMap, redaction: &Redaction) -> Vec<(String, String)> {
    let value = |name: &HeaderName, value: &HeaderValue| match redaction.covers(name) {
        true => REDACTED.to_owned(),
        false => redaction.text(&String::from_utf8_lossy(value.as_bytes())).into_owned(),
    };
    headers.iter().map(|(name, text)| (name.as_str().to_owned(), value(name, text))).collect()
}

/// Reads the lines of a capture, one after the other.
///
/// # Errors
/// When a line is none of a capture, is of another version, or breaks off.
pub fn read(
    input: impl Read,
    sink: &mut dyn FnMut(Option<Recorded>) -> ControlFlow<()>,
) -> Result<(), String> {
    let mut input = BufReader::with_capacity(256 << 10, input);
    let mut bytes = Vec::new();
    for number in 1_u64.. {
        bytes.clear();
        if input.read_until(b'\n', &mut bytes).map_err(|error| error.to_string())? == 0 {
            break;
        }
        let text = bytes.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let recorded = recorded(text).map_err(|problem| match bytes.ends_with(b"\n") {
            true => format!("line {number}: {problem}"),
            // What a sidecar was about to write when it was killed.
            false => format!("the file breaks off in line {number}: {problem}"),
        })?;
        if sink(Some(recorded)).is_break() {
            break;
        }
    }
    Ok(())
}

fn recorded(text: &[u8]) -> Result<Recorded, String> {
    let text = str::from_utf8(text).map_err(|_| "it is not UTF-8 text".to_owned())?;
    let line: Line = serde_json::from_str(text).map_err(|error| match version(text) {
        Some(version) if version != u64::from(VERSION) => wrong_version(version),
        _ => error.to_string(),
    })?;
    if line.candor_capture != VERSION {
        return Err(wrong_version(line.candor_capture.into()));
    }
    let Line { client, took_ms, route, rule_set, verdict, rule, status, shadows, api, .. } = line;
    let (request, upstream) = (line.request, line.upstream);
    let shadows = shadows.into_iter().map(|shadow| (shadow.rule, shadow.status)).collect();
    let by_api = api.is_some();
    let noted = Noted { route, rule_set, verdict, rule, status, shadows, by_api };
    let (is_cut, is_request_cut) = (upstream.cut, request.cut.unwrap_or_default());
    let (request, request_body) = request.read()?;
    let exchange = Exchange { request, answer: upstream.read()? };
    let took = took_ms.map(Duration::from_millis);
    let (client, noted) = (Some(client), Some(Box::new(noted)));
    Ok(Recorded { is_cut, request_body, is_request_cut, took, client, noted, ..Recorded::new(exchange) })
}

fn wrong_version(version: u64) -> String {
    format!("version {version} of the capture format is not known, only {VERSION} is")
}

/// The version of a line that may not be readable otherwise.
fn version(text: &str) -> Option<u64> {
    let digits = text.strip_prefix(MARK)?;
    digits.get(..digits.find(|character: char| !character.is_ascii_digit())?)?.parse().ok()
}

impl RequestLine {
    /// The head, and the body where there is one.
    fn read(self) -> Result<(RequestSnapshot, Bytes), String> {
        let method = Method::from_bytes(self.method.as_bytes())
            .map_err(|_| format!("`{}` is not a method", self.method))?;
        let uri = super::uri(&self.url).ok_or_else(|| format!("`{}` is not a URL", self.url))?;
        let head = RequestSnapshot { method, uri, headers: headers(self.headers)?, circumstances: None };
        Ok((head, body(self.body, self.body_base64)?))
    }
}

impl UpstreamLine {
    fn read(self) -> Result<Answer, String> {
        let status =
            StatusCode::from_u16(self.status).map_err(|_| format!("`{}` is not a status", self.status))?;
        let body = body(self.body, self.body_base64)?;
        Ok(Answer { head: AnswerHead { status, headers: headers(self.headers)? }, body })
    }
}

fn body(text: Option<String>, base64: Option<String>) -> Result<Bytes, String> {
    Ok(match (text, base64) {
        (Some(text), _) => Bytes::from(text),
        (None, Some(text)) => {
            STANDARD.decode(text).map_err(|error| format!("a body is not base64: {error}"))?.into()
        }
        (None, None) => Bytes::new(),
    })
}

fn headers(pairs: Vec<(String, String)>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        let wrong = || format!("`{name}` is not a header");
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| wrong())?;
        headers.append(HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?, value);
    }
    Ok(headers)
}
