//! The messages of Envoy's external processor, `envoy.service.ext_proc.v3`, as far as Candor reads or writes them.
//! By hand: generated types for all that Envoy's API has would be 16 MB of source for these few, and would copy every
//! body. Fields that are left out are skipped when they come. Names and numbers are Envoy's.

use std::collections::HashMap;

use bytes::Bytes;
use prost::{Enumeration, Message, Oneof};

/// What Envoy tells.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ProcessingRequest {
    /// Properties of the exchange that the filter is set up to tell, by the name of the filter.
    #[prost(map = "string, message", tag = "9")]
    pub attributes: HashMap<String, Struct>,
    /// Whether nobody waits for a reply.
    #[prost(bool, tag = "10")]
    pub observability_mode: bool,
    /// How the filter is set up; in the first message only.
    #[prost(message, optional, tag = "11")]
    pub protocol_config: Option<ProtocolConfiguration>,
    /// What it tells of.
    #[prost(oneof = "Told", tags = "2, 3, 4, 5, 6, 7")]
    pub told: Option<Told>,
}

/// A part of the exchange.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Told {
    #[prost(message, tag = "2")]
    RequestHeaders(HttpHeaders),
    #[prost(message, tag = "3")]
    ResponseHeaders(HttpHeaders),
    #[prost(message, tag = "4")]
    RequestBody(HttpBody),
    #[prost(message, tag = "5")]
    ResponseBody(HttpBody),
    #[prost(message, tag = "6")]
    RequestTrailers(HttpTrailers),
    #[prost(message, tag = "7")]
    ResponseTrailers(HttpTrailers),
}

/// How the filter sends bodies.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct ProtocolConfiguration {
    #[prost(enumeration = "BodyMode", tag = "1")]
    pub request_body_mode: i32,
    #[prost(enumeration = "BodyMode", tag = "2")]
    pub response_body_mode: i32,
}

/// How a body is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(super) enum BodyMode {
    /// Not at all.
    None = 0,
    /// In pieces, each answered by one. The head has gone by then.
    Streamed = 1,
    /// Whole, or Envoy answers with an error of its own.
    Buffered = 2,
    /// As much of it as Envoy may buffer.
    BufferedPartial = 3,
    /// In pieces that are given back whenever, and in whatever pieces, the processor likes.
    FullDuplexStreamed = 4,
    /// Messages of gRPC.
    Grpc = 5,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HttpHeaders {
    #[prost(message, optional, tag = "1")]
    pub headers: Option<HeaderMap>,
    /// Whether there is no body.
    #[prost(bool, tag = "3")]
    pub end_of_stream: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HttpBody {
    #[prost(bytes = "bytes", tag = "1")]
    pub body: Bytes,
    #[prost(bool, tag = "2")]
    pub end_of_stream: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HttpTrailers {
    #[prost(message, optional, tag = "1")]
    pub trailers: Option<HeaderMap>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HeaderMap {
    #[prost(message, repeated, tag = "1")]
    pub headers: Vec<HeaderValue>,
}

/// One header. Text on the wire, bytes here: they need no copy, and are checked where they are read.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HeaderValue {
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
    /// In place of `value`.
    #[prost(bytes = "bytes", tag = "3")]
    pub raw_value: Bytes,
}

/// `google.protobuf.Struct`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Struct {
    #[prost(map = "string, message", tag = "1")]
    pub fields: HashMap<String, Value>,
}

/// `google.protobuf.Value`, of which only texts are read.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Value {
    #[prost(string, tag = "3")]
    pub text: String,
}

/// What Envoy is told to do.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ProcessingResponse {
    /// How the rest of the exchange is to be sent, where the filter allows that.
    #[prost(message, optional, tag = "9")]
    pub mode_override: Option<ProcessingMode>,
    /// What becomes of the part that was told of.
    #[prost(oneof = "Reply", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub reply: Option<Reply>,
}

/// The answer to a part of the exchange.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Reply {
    #[prost(message, tag = "1")]
    RequestHeaders(PartResponse),
    #[prost(message, tag = "2")]
    ResponseHeaders(PartResponse),
    #[prost(message, tag = "3")]
    RequestBody(PartResponse),
    #[prost(message, tag = "4")]
    ResponseBody(PartResponse),
    #[prost(message, tag = "5")]
    RequestTrailers(TrailersResponse),
    #[prost(message, tag = "6")]
    ResponseTrailers(TrailersResponse),
    #[prost(message, tag = "7")]
    Immediate(ImmediateResponse),
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct ProcessingMode {
    #[prost(enumeration = "BodyMode", tag = "3")]
    pub request_body_mode: i32,
    #[prost(enumeration = "BodyMode", tag = "4")]
    pub response_body_mode: i32,
}

/// `HeadersResponse` and `BodyResponse`, which are the same on the wire.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PartResponse {
    #[prost(message, optional, tag = "1")]
    pub response: Option<CommonResponse>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CommonResponse {
    #[prost(enumeration = "Status", tag = "1")]
    pub status: i32,
    #[prost(message, optional, tag = "2")]
    pub header_mutation: Option<HeaderMutation>,
    #[prost(message, optional, tag = "3")]
    pub body_mutation: Option<BodyMutation>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(super) enum Status {
    Continue = 0,
    /// The body in the reply takes the place of the one that is still to come.
    ContinueAndReplace = 1,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TrailersResponse {
    #[prost(message, optional, tag = "1")]
    pub header_mutation: Option<HeaderMutation>,
}

/// An answer in place of the upstream's.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ImmediateResponse {
    #[prost(message, optional, tag = "1")]
    pub status: Option<HttpStatus>,
    #[prost(message, optional, tag = "2")]
    pub headers: Option<HeaderMutation>,
    #[prost(bytes = "bytes", tag = "3")]
    pub body: Bytes,
    /// For Envoy's access log.
    #[prost(string, tag = "5")]
    pub details: String,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct HttpStatus {
    #[prost(int32, tag = "1")]
    pub code: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HeaderMutation {
    #[prost(message, repeated, tag = "1")]
    pub set_headers: Vec<HeaderValueOption>,
    #[prost(string, repeated, tag = "2")]
    pub remove_headers: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HeaderValueOption {
    #[prost(message, optional, tag = "1")]
    pub header: Option<HeaderValue>,
    /// Whether the value stands beside those that are there. Deprecated, and the only way: a filter of this kind takes
    /// the action of the same name, 0, for one that is not set, and so for `false`.
    #[prost(message, optional, tag = "2")]
    pub append: Option<Bool>,
}

/// `google.protobuf.BoolValue`.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Bool {
    #[prost(bool, tag = "1")]
    pub value: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct BodyMutation {
    #[prost(oneof = "BodyChange", tags = "1, 2, 3")]
    pub change: Option<BodyChange>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum BodyChange {
    #[prost(bytes = "bytes", tag = "1")]
    Body(Bytes),
    #[prost(bool, tag = "2")]
    Clear(bool),
    #[prost(message, tag = "3")]
    Streamed(StreamedBody),
}

/// A piece of a body given back, in [`BodyMode::FullDuplexStreamed`].
#[derive(Clone, PartialEq, Message)]
pub(super) struct StreamedBody {
    #[prost(bytes = "bytes", tag = "1")]
    pub body: Bytes,
    #[prost(bool, tag = "2")]
    pub end_of_stream: bool,
}
