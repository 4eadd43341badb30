//! Whether an answer's body may be looked at, known from the heads alone. A stream is never made to wait, a part
//! is never taken for the whole, and an encoding that cannot be read is said to be unreadable.

use http::{Method, StatusCode, header};

use super::decode::{Codings, UnknownCoding};
use super::exchange::{AnswerHead, RequestSnapshot};
use super::facts::{Body, media_type};
use super::hold::Inspect;
use super::mutation::allows_body;
use super::outcome::{Bypass, Undecided};

/// What the head says of a body that can be read.
pub struct Readable<'h> {
    /// Its `Content-Type`.
    pub content_type: Option<&'h str>,
    /// What has to be undone before it can be read.
    pub codings: Codings,
}

/// How the body is to be read, when it comes.
///
/// # Errors
/// When it is never looked at, or cannot be read.
pub fn readable<'h>(
    request: &RequestSnapshot,
    head: &'h AnswerHead,
    inspect: &Inspect,
) -> Result<Readable<'h>, Body<'static>> {
    let content_type = head.header(header::CONTENT_TYPE);
    if let Some(bypass) = bypass(request, head, content_type, inspect) {
        return Err(Body::Bypassed(bypass));
    }
    match Codings::parse(head.headers.get_all(header::CONTENT_ENCODING)) {
        Ok(codings) => Ok(Readable { content_type, codings }),
        Err(UnknownCoding { name }) => Err(Body::Unknown(Undecided::Encoding { encoding: name })),
    }
}

fn bypass(
    request: &RequestSnapshot,
    head: &AnswerHead,
    content_type: Option<&str>,
    inspect: &Inspect,
) -> Option<Bypass> {
    if head.status == StatusCode::SWITCHING_PROTOCOLS || request.method == Method::CONNECT {
        return Some(Bypass::Upgrade);
    }
    if request.method == Method::HEAD {
        return Some(Bypass::Head);
    }
    if !allows_body(head.status) {
        return Some(Bypass::NoContent);
    }
    if head.status == StatusCode::PARTIAL_CONTENT || head.headers.contains_key(header::CONTENT_RANGE) {
        return Some(Bypass::Partial);
    }
    if inspect.covers(content_type) {
        return None;
    }
    Some(match media_type(content_type).as_deref() {
        Some("text/event-stream") => Bypass::EventStream,
        Some("multipart/x-mixed-replace") => Bypass::MixedReplace,
        Some(grpc) if grpc.starts_with("application/grpc") => Bypass::Grpc,
        _ => Bypass::ContentType,
    })
}
