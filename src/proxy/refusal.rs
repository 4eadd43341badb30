//! Why a request is refused for its form, its size or its slowness, whatever it asks for. What is left of such a
//! request cannot be told from the next one, or is not worth reading: the connection ends with the answer.

use http::StatusCode;

/// A request that goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not HTTP/1.1 as RFC 9112 has it, or could be read in two ways; this is why.
    Malformed(&'static str),
    /// Its body has a transfer coding besides `chunked` (RFC 9112, section 6.1).
    TransferCoding,
    /// Its version is neither 1.0 nor 1.1.
    Version,
    /// Its target is over `server.limits.uri_bytes`.
    UriTooLong,
    /// Its head is over `server.limits.header_bytes`.
    HeadTooLarge,
    /// It has more headers than `server.limits.headers`.
    TooManyHeaders,
    /// Its body is over `server.limits.request_body_bytes`.
    BodyTooLarge,
    /// Its head took longer than `server.timeouts.request_head`.
    SlowHead,
    /// Nothing of its body came for `server.timeouts.request_body_idle`.
    SlowBody,
    /// Where it came, TLS is spoken.
    NoTls,
    /// There are as many connections as `server.limits.connections`.
    NoRoom,
}

impl Refusal {
    /// Of a request that says of its body's length what could be understood in two ways.
    pub const LENGTH: Refusal = Refusal::Malformed("Content-Length is not one number");

    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Refusal::Malformed(_) | Refusal::NoTls => StatusCode::BAD_REQUEST,
            Refusal::TransferCoding => StatusCode::NOT_IMPLEMENTED,
            Refusal::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Refusal::UriTooLong => StatusCode::URI_TOO_LONG,
            Refusal::HeadTooLarge | Refusal::TooManyHeaders => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Refusal::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::SlowHead | Refusal::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Refusal::NoRoom => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The type of RFC 9209, section 2.3.
    pub fn kind(self) -> &'static str {
        match self {
            Refusal::NoRoom => "connection_limit_reached",
            _ => "http_request_error",
        }
    }

    /// What the client is told.
    pub fn detail(self) -> &'static str {
        match self {
            Refusal::Malformed(why) => why,
            Refusal::TransferCoding => "no transfer coding but chunked is known",
            Refusal::Version => "only HTTP/1.1 and HTTP/1.0 are spoken",
            Refusal::UriTooLong => "the request's target is too long",
            Refusal::HeadTooLarge => "the request's head is too large",
            Refusal::TooManyHeaders => "the request has too many headers",
            Refusal::BodyTooLarge => "the request's body is too large",
            Refusal::SlowHead => "the request's head did not come in time",
            Refusal::SlowBody => "the request's body did not come in time",
            Refusal::NoTls => "TLS is spoken here: ask with `https`",
            Refusal::NoRoom => "there are too many connections",
        }
    }
}
