//! Candor's own recordings: JSON Lines, one exchange a line, with what the sidecar made of it. Written by the proxy
//! when `capture:` says so, without secrets; read by the commands for recorded traffic.
//!
//! Bodies are text as rules read it, or base64 where it is not UTF-8. A body that no rule looks into is left out, as
//! nobody could tell what secrets it holds.

use std::io::{BufRead, BufReader, Read};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
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
    /// The name of its route.
    pub route: String,
    /// The rules that were asked.
    pub rule_set: Option<String>,
    /// What was asked and answered.
    pub exchange: Exchange,
    /// Whether the end of the body is missing.
    pub is_cut: bool,
    /// What the rules made of it.
    pub outcome: Outcome,
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
    request: RequestLine,
    upstream: UpstreamLine,
}

#[derive(Serialize, Deserialize)]
struct ShadowLine {
    rule: String,
    status: Option<u16>,
}

#[derive(Serialize, Deserialize)]
struct RequestLine {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
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

impl Captured {
    /// The exchange as one line, without its end.
    pub fn to_line(&self, writing: &Writing<'_>) -> String {
        let Captured { exchange: Exchange { request, answer }, outcome, .. } = self;
        let redaction = writing.redaction;
        let verdict = &outcome.verdict;
        let shadow = |shadow: &Shadow| ShadowLine {
            rule: shadow.rule.to_string(),
            status: shadow.status.map(|status| status.as_u16()),
        };
        let line = Line {
            candor_capture: VERSION,
            time: self.time.clone(),
            client: self.client,
            took_ms: u64::try_from(self.took.as_millis()).ok(),
            route: self.route.clone(),
            rule_set: self.rule_set.clone(),
            verdict: verdict.word().to_owned(),
            rule: verdict.rule().map(str::to_owned),
            reason: verdict.reason().map(|reason| redaction.text(&reason).into_owned()),
            status: outcome.mutation.status.unwrap_or(answer.head.status).as_u16(),
            shadows: outcome.shadows.iter().map(shadow).collect(),
            request: RequestLine {
                method: request.method.to_string(),
                url: redaction.text(&request.uri.to_string()).into_owned(),
                headers: pairs(&request.headers, redaction),
            },
            upstream: self.upstream(writing),
        };
        // Texts, numbers and lists of them: there is nothing that could not be written.
        serde_json::to_string(&line).unwrap_or_default()
    }

    fn upstream(&self, writing: &Writing<'_>) -> UpstreamLine {
        let Exchange { request, answer } = &self.exchange;
        let status = answer.head.status.as_u16();
        let mut headers = answer.head.headers.clone();
        let (body, cut) = match engine::legible(request, answer, writing.inspect, writing.body_bytes_max) {
            Legible::AsSent(body) => (Some(body), self.is_cut),
            Legible::Undone { text, is_cut } => {
                headers.remove(header::CONTENT_ENCODING);
                name_utf8(&mut headers);
                (Some(text), self.is_cut || is_cut)
            }
            Legible::No => (None, self.is_cut || !answer.body.is_empty()),
        };
        let headers = pairs(&headers, writing.redaction);
        let (body, body_base64) = match body.as_deref().map(str::from_utf8) {
            None => (None, None),
            Some(Ok(text)) => (Some(writing.redaction.text(text).into_owned()), None),
            Some(Err(_)) => (None, body.map(|bytes| base64_without_secrets(&bytes, writing.redaction))),
        };
        UpstreamLine { status, headers, body, body_base64, cut }
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
    let Line { client, took_ms, route, rule_set, verdict, rule, status, shadows, request, upstream, .. } =
        line;
    let shadows = shadows.into_iter().map(|shadow| (shadow.rule, shadow.status)).collect();
    let noted = Noted { route, rule_set, verdict, rule, status, shadows };
    let is_cut = upstream.cut;
    let exchange = Exchange { request: request.read()?, answer: upstream.read()? };
    let took = took_ms.map(Duration::from_millis);
    let (client, noted) = (Some(client), Some(Box::new(noted)));
    Ok(Recorded { is_cut, took, client, noted, ..Recorded::new(exchange) })
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
    fn read(self) -> Result<RequestSnapshot, String> {
        let method = Method::from_bytes(self.method.as_bytes())
            .map_err(|_| format!("`{}` is not a method", self.method))?;
        let uri = super::uri(&self.url).ok_or_else(|| format!("`{}` is not a URL", self.url))?;
        Ok(RequestSnapshot { method, uri, headers: headers(self.headers)?, circumstances: None })
    }
}

impl UpstreamLine {
    fn read(self) -> Result<Answer, String> {
        let status =
            StatusCode::from_u16(self.status).map_err(|_| format!("`{}` is not a status", self.status))?;
        let body = match (self.body, self.body_base64) {
            (Some(text), _) => Bytes::from(text),
            (None, Some(text)) => {
                STANDARD.decode(text).map_err(|error| format!("a body is not base64: {error}"))?.into()
            }
            (None, None) => Bytes::new(),
        };
        Ok(Answer { head: AnswerHead { status, headers: headers(self.headers)? }, body })
    }
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
