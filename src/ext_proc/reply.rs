//! What Envoy is told, one function for each thing there is to say.

use bytes::Bytes;
use http::HeaderMap;
use http::header::HeaderName;

use super::headers;
use super::wire::{
    BodyChange, BodyMode, BodyMutation, CommonResponse, HeaderMutation, HttpStatus, ImmediateResponse,
    PartResponse, ProcessingMode, ProcessingResponse, Reply, Status, StreamedBody, TrailersResponse,
};
use crate::engine::AnswerHead;

/// Pieces of a body in one reply, as Envoy recommends at most.
const PIECE_BYTES_MAX: usize = 64 * 1024;

/// The request goes on, without that header.
pub(super) fn request_headers(remove: Option<&HeaderName>) -> ProcessingResponse {
    let mutation = remove.map(|name| HeaderMutation {
        set_headers: Vec::new(),
        remove_headers: vec![name.as_str().to_owned()],
    });
    reply(Reply::RequestHeaders(part(mutation, None)))
}

/// A part of the request's body goes on as it is.
pub(super) fn request_body(mode: BodyMode, body: Bytes, end_of_stream: bool) -> ProcessingResponse {
    let change = (mode == BodyMode::FullDuplexStreamed).then(|| streamed(body, end_of_stream));
    reply(Reply::RequestBody(part(None, change)))
}

/// The request's trailers go on.
pub(super) fn request_trailers() -> ProcessingResponse {
    reply(Reply::RequestTrailers(TrailersResponse::default()))
}

/// The head of the answer goes on, changed so.
pub(super) fn response_headers(mutation: Option<HeaderMutation>) -> ProcessingResponse {
    reply(Reply::ResponseHeaders(part(mutation, None)))
}

/// The same; and Envoy is to send the body like that.
pub(super) fn response_headers_and(mode: BodyMode, mutation: Option<HeaderMutation>) -> ProcessingResponse {
    let mode = ProcessingMode { request_body_mode: BodyMode::None.into(), response_body_mode: mode.into() };
    ProcessingResponse { mode_override: Some(mode), ..response_headers(mutation) }
}

/// The head goes on with this body, whatever the upstream sends after it.
pub(super) fn whole_response(mutation: Option<HeaderMutation>, body: Bytes) -> ProcessingResponse {
    let mut part = part(mutation, Some(buffered(body)));
    if let Some(response) = &mut part.response {
        response.status = Status::ContinueAndReplace.into();
    }
    reply(Reply::ResponseHeaders(part))
}

/// The buffered body goes on, with the head that Envoy still has; changed so.
pub(super) fn response_body(mutation: Option<HeaderMutation>, body: Option<Bytes>) -> ProcessingResponse {
    reply(Reply::ResponseBody(part(mutation, body.map(buffered))))
}

/// A piece of a body that Envoy has let go of.
pub(super) fn piece(body: Bytes, end_of_stream: bool) -> ProcessingResponse {
    reply(Reply::ResponseBody(part(None, Some(streamed(body, end_of_stream)))))
}

/// The same of a whole body.
pub(super) fn pieces(mut body: Bytes, end_of_stream: bool) -> impl Iterator<Item = ProcessingResponse> {
    let mut is_first = true;
    std::iter::from_fn(move || {
        if body.is_empty() && !std::mem::take(&mut is_first) {
            return None;
        }
        is_first = false;
        let first = body.split_to(body.len().min(PIECE_BYTES_MAX));
        Some(piece(first, end_of_stream && body.is_empty()))
    })
}

/// The answer's trailers go on, without these.
pub(super) fn response_trailers(without: Option<&HeaderMap>) -> ProcessingResponse {
    let header_mutation = without.map(|names| HeaderMutation {
        set_headers: Vec::new(),
        remove_headers: names.keys().map(|name| name.as_str().to_owned()).collect(),
    });
    reply(Reply::ResponseTrailers(TrailersResponse { header_mutation }))
}

/// An answer in place of the upstream's; `details` is for Envoy's log.
pub(super) fn immediate(head: &AnswerHead, body: Bytes, details: &str) -> ProcessingResponse {
    reply(Reply::Immediate(ImmediateResponse {
        status: Some(HttpStatus { code: head.status.as_u16().into() }),
        headers: Some(headers::all(&head.headers)),
        body,
        details: details.to_owned(),
    }))
}

fn reply(reply: Reply) -> ProcessingResponse {
    ProcessingResponse { mode_override: None, reply: Some(reply) }
}

fn part(header_mutation: Option<HeaderMutation>, body_mutation: Option<BodyMutation>) -> PartResponse {
    let status = Status::Continue.into();
    PartResponse { response: Some(CommonResponse { status, header_mutation, body_mutation }) }
}

fn buffered(body: Bytes) -> BodyMutation {
    let change = if body.is_empty() { BodyChange::Clear(true) } else { BodyChange::Body(body) };
    BodyMutation { change: Some(change) }
}

fn streamed(body: Bytes, end_of_stream: bool) -> BodyMutation {
    BodyMutation { change: Some(BodyChange::Streamed(StreamedBody { body, end_of_stream })) }
}
