//! One request and the upstream's answer to it, as owned values: the engine's only subject.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};

/// What rules may ask of the request.
#[derive(Debug, Clone)]
pub struct RequestSnapshot {
    /// The method as the client sent it.
    pub method: Method,
    /// The target as the client sent it: path and query, with scheme and authority where it had them.
    pub uri: Uri,
    /// The client's headers; empty when the rule set asks for none of them (see
    /// [`RuleSet::reads_request_headers`](super::RuleSet::reads_request_headers)).
    pub headers: HeaderMap,
    /// What only templates ask for; `None` when the rule set does not (see
    /// [`RuleSet::reads_circumstances`](super::RuleSet::reads_circumstances)).
    pub circumstances: Option<Box<Circumstances>>,
}

/// How and when a request came, for `$context` and `$input.params` of a template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// The path of the route, with its parameters: `/orders/{id}`.
    pub resource_path: String,
    /// The parameters and what stood in their places, decoded.
    pub path_parameters: Vec<(String, String)>,
    /// The exchange's id.
    pub request_id: String,
    /// The client's address.
    pub source_ip: String,
    /// `HTTP/1.1`, `HTTP/2.0`.
    pub protocol: &'static str,
    /// When it came, as `21/Nov/2026:07:46:27 +0000`.
    pub request_time: String,
    /// The same, in milliseconds since 1970.
    pub request_time_epoch: i64,
}

/// Status and headers of an answer, which arrive before its body.
#[derive(Debug, Clone)]
pub struct AnswerHead {
    /// The status the upstream sent.
    pub status: StatusCode,
    /// The headers the upstream sent, hop-by-hop headers already taken off.
    pub headers: HeaderMap,
}

impl AnswerHead {
    /// The text of a header that can stand once; `None` when absent or not visible ASCII.
    pub fn header(&self, name: http::header::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A whole answer with its body in memory.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status and headers.
    pub head: AnswerHead,
    /// The bytes of the body, transfer coding removed.
    pub body: Bytes,
}

/// One request and the answer to it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// What was asked.
    pub request: RequestSnapshot,
    /// What the upstream said.
    pub answer: Answer,
}
