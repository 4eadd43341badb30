//! Whether an answer's body may be looked at, known from the heads alone. A stream is never made to wait, a part
//! is never taken for the whole, and an encoding that cannot be read is said to be unreadable.

use http::{Method, StatusCode, header};

use super::decode::{Codings, UnknownCoding};
use super::exchange::{AnswerHead, RequestSnapshot};
use super::facts::{Body, media_type};
use super::hold::Inspect;
use super::mutation::allows_body;
use super::outcome::{Bypass, Undecided};

/// The body as it stands when the head has come: to be waited for, never looked at, or unreadable.
pub fn body(request: &RequestSnapshot, head: &AnswerHead, inspect: &Inspect) -> Body<'static> {
    if let Some(bypass) = bypass(request, head, inspect) {
        return Body::Bypassed(bypass);
    }
    match codings(head) {
        Ok(_) => Body::Pending,
        Err(reason) => Body::Unknown(reason),
    }
}

fn bypass(request: &RequestSnapshot, head: &AnswerHead, inspect: &Inspect) -> Option<Bypass> {
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
    let content_type = head.header(header::CONTENT_TYPE);
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

/// The codings that have to be undone before the body can be read.
///
/// # Errors
/// When one of them is not known.
pub fn codings(head: &AnswerHead) -> Result<Codings, Undecided> {
    Codings::parse(head.headers.get_all(header::CONTENT_ENCODING))
        .map_err(|UnknownCoding { name }| Undecided::Encoding { encoding: name })
}
