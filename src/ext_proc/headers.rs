//! Heads as Envoy tells them and as Candor knows them, and the difference between two of them as Envoy wants it.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version};

use super::wire::{self, HeaderMutation, HeaderValueOption, ProcessingRequest};
use crate::engine::AnswerHead;

const STATUS: Bytes = Bytes::from_static(b":status");

/// What Candor is told of a request.
///
/// # Errors
/// When it is none.
pub(super) fn request(told: &wire::HeaderMap) -> Result<Request<()>, &'static str> {
    let mut request = Request::new(());
    *request.version_mut() = Version::HTTP_11;
    let mut authority = None;
    for line in &told.headers {
        let value = value(line);
        match &*line.key {
            b":method" => {
                *request.method_mut() = Method::from_bytes(value).map_err(|_| "the method is none")?
            }
            b":path" => *request.uri_mut() = Uri::try_from(&**value).map_err(|_| "the target is none")?,
            b":authority" => authority = HeaderValue::from_maybe_shared(value.clone()).ok(),
            _ => append(request.headers_mut(), line),
        }
    }
    if let Some(authority) = authority {
        request.headers_mut().insert(header::HOST, authority);
    }
    Ok(request)
}

/// What Candor is told of an answer, without what belongs to its connection; nothing when it has no status.
pub(super) fn answer(told: &wire::HeaderMap) -> Option<AnswerHead> {
    let mut status = None;
    let mut headers = HeaderMap::with_capacity(told.headers.len());
    for line in &told.headers {
        match &*line.key {
            b":status" => status = StatusCode::from_bytes(value(line)).ok(),
            _ => append(&mut headers, line),
        }
    }
    Some(AnswerHead { status: status?, headers })
}

/// Whether the head has this header.
pub(super) fn has(told: &wire::HeaderMap, name: &HeaderName) -> bool {
    told.headers.iter().any(|line| *line.key == *name.as_str().as_bytes())
}

/// The names and values after a body.
pub(super) fn trailers(told: &wire::HeaderMap) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    told.headers.iter().for_each(|line| append(&mut trailers, line));
    trailers
}

/// The client's address, where the filter is set up to tell it; else one that is nobody's.
pub(super) fn peer(told: &ProcessingRequest) -> IpAddr {
    let address = attribute(told, "source.address").and_then(|address| address.parse::<SocketAddr>().ok());
    address.map_or(IpAddr::from([0, 0, 0, 0]), |address| address.ip())
}

/// Whether the answer is one of Envoy's own, where the filter is set up to tell it. Rules are for the upstream's.
pub(super) fn is_envoys_own(told: &ProcessingRequest) -> bool {
    attribute(told, "response.code_details").is_some_and(|details| details != "via_upstream")
}

/// A property of the exchange, where the filter is set up to tell it.
fn attribute<'t>(told: &'t ProcessingRequest, name: &str) -> Option<&'t str> {
    told.attributes.values().find_map(|told| told.fields.get(name)).map(|value| value.text.as_str())
}

fn value(line: &wire::HeaderValue) -> &Bytes {
    if line.raw_value.is_empty() { &line.value } else { &line.raw_value }
}

/// Names that begin with a colon are Envoy's own, and headers that are none were refused by it.
fn append(headers: &mut HeaderMap, line: &wire::HeaderValue) {
    let value = HeaderValue::from_maybe_shared(value(line).clone());
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line.key), value) {
        headers.append(name, value);
    }
}

/// What makes one head of the other; nothing where they are the same.
pub(super) fn difference(from: &AnswerHead, to: &AnswerHead) -> Option<HeaderMutation> {
    let mut mutation = HeaderMutation::default();
    if from.status != to.status {
        mutation.set_headers.push(option(STATUS, status(to.status), false));
    }
    for name in to.headers.keys() {
        let values = || to.headers.get_all(name).iter();
        if !from.headers.get_all(name).iter().eq(values()) {
            mutation.set_headers.extend(values().enumerate().map(|(index, value)| set(name, value, index)));
        }
    }
    let gone = from.headers.keys().filter(|name| !to.headers.contains_key(*name));
    mutation.remove_headers.extend(gone.map(|name| name.as_str().to_owned()));
    (mutation != HeaderMutation::default()).then_some(mutation)
}

/// All headers, for an answer that has none yet.
pub(super) fn all(headers: &HeaderMap) -> HeaderMutation {
    let mut mutation = HeaderMutation::default();
    for name in headers.keys().filter(|name| *name != header::CONTENT_LENGTH) {
        let values = headers.get_all(name).iter().enumerate();
        mutation.set_headers.extend(values.map(|(index, value)| set(name, value, index)));
    }
    mutation
}

fn set(name: &HeaderName, value: &HeaderValue, index: usize) -> HeaderValueOption {
    let key = Bytes::copy_from_slice(name.as_str().as_bytes());
    option(key, Bytes::copy_from_slice(value.as_bytes()), index > 0)
}

fn status(status: StatusCode) -> Bytes {
    Bytes::copy_from_slice(status.as_str().as_bytes())
}

fn option(key: Bytes, raw_value: Bytes, append: bool) -> HeaderValueOption {
    let header = wire::HeaderValue { key, value: Bytes::new(), raw_value };
    HeaderValueOption { header: Some(header), append: Some(wire::Bool { value: append }) }
}
