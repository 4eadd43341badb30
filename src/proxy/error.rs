//! Candor's own answers: what went wrong on the way, whose fault it was, and the problem the client gets.
//! Every status that neither the upstream nor a rule chose is made here.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use bytes::Bytes;
use h2::Reason;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};

use super::download::DownloadError;
use super::headers::proxy_status::{self, PROXY_STATUS};
use super::http1::CallError;
use super::intake::IntakeError;
use super::refusal::Refusal;
use crate::engine::exchange::AnswerHead;
use crate::engine::problem::{PROBLEM_JSON, Problem};
use crate::engine::route::{NO_METHOD, NO_ROUTE};
use crate::engine::selection::Rejected;

/// Why an exchange got no answer of the upstream's.
#[derive(Debug)]
pub(super) enum ProxyError {
    /// The request cannot be carried: the client's side.
    Downstream(DownstreamError),
    /// The upstream gave no answer, or not a whole one.
    Upstream(UpstreamError),
    /// The upstream is gone, and the sidecar beside it is about to go: another instance has both.
    Leaving(UpstreamError),
    /// Candor's own fault.
    Internal(&'static str),
}

/// What is wrong with a request.
#[derive(Debug)]
pub(super) enum DownstreamError {
    /// No host, or more than one (RFC 9112, section 3.2; RFC 9113, section 8.3.1).
    Host,
    /// `CONNECT`, where tunnels are not wanted or not possible.
    Connect,
    /// No route matches.
    NoRoute,
    /// A route matches the path, for other methods; these.
    Method {
        /// The value of `Allow`.
        allow: String,
    },
    /// The rule set the client asked for cannot be had.
    RuleSet {
        /// Why, for the client.
        detail: String,
    },
    /// The request's body broke off.
    BodyCutShort,
    /// It is not fit to be carried, whatever it asks for.
    Refused(Refusal),
}

/// What an upstream did, with its cause for the log.
#[derive(Debug)]
pub(super) struct UpstreamError {
    fault: UpstreamFault,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

/// The ways in which an upstream gives no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UpstreamFault {
    /// Its name has no address.
    Name,
    /// It refuses connections.
    Refused,
    /// There is no way to it.
    Unreachable,
    /// It takes no connection in `timeouts.connect`.
    ConnectTimeout,
    /// No socket is left to reach it with.
    NoSocket,
    /// It has as many connections as `limits.connections`, or as many requests as `limits.requests`, and too many wait,
    /// or this one did too long.
    Full,
    /// Its certificate is not one that is believed, or is another's.
    TlsCertificate,
    /// It refused to speak TLS with us.
    TlsAlert,
    /// What it sent is not TLS, or it does not speak the protocol that was asked for.
    TlsProtocol,
    /// It closed the connection without an answer.
    Closed,
    /// It closed a connection that was kept from an earlier exchange, with not a byte of an answer.
    Lost,
    /// It gave the request back over HTTP/2 and has done nothing about it (RFC 9113, section 8.7).
    GivenBack,
    /// What it sent is not HTTP, or could be read in two ways.
    NotHttp,
    /// The head of its answer is too large.
    HeadTooLarge,
    /// Its answer has a transfer coding besides `chunked`, which cannot be undone.
    TransferCoding,
    /// It switched protocols unasked, or to one that was not asked for.
    Switched,
    /// The head of its answer did not come in `timeouts.response`.
    Silent,
    /// Its answer broke off while it was held.
    CutShort,
    /// Its answer's body stood still for `timeouts.body_idle` while it was held.
    Stalled,
    /// Its answer was not over in `timeouts.total`.
    Late,
    /// Its answer's body is over `limits.response_body_bytes`.
    TooLarge,
}

impl ProxyError {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            ProxyError::Downstream(error) => error.status(),
            ProxyError::Upstream(error) => error.fault.status(),
            ProxyError::Leaving(_) => StatusCode::SERVICE_UNAVAILABLE,
            ProxyError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The answer: a problem document that no cache keeps.
    pub fn answer(&self) -> (AnswerHead, Bytes) {
        let status = self.status();
        let body = Problem::detail(self.detail()).to_json(status);
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(PROXY_STATUS, proxy_status::error(self.kind()));
        if let ProxyError::Downstream(DownstreamError::Refused(_)) = self {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if self.is_passing() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        if let ProxyError::Downstream(DownstreamError::Method { allow }) = self
            && let Ok(allow) = HeaderValue::try_from(allow)
        {
            headers.insert(header::ALLOW, allow);
        }
        (AnswerHead { status, headers }, body)
    }

    /// The same for a sidecar that is draining: an upstream that is gone has been stopped with it.
    pub fn while_draining(self) -> ProxyError {
        match self {
            ProxyError::Upstream(error) if error.fault.is_gone() => ProxyError::Leaving(error),
            other => other,
        }
    }

    /// Whether the client may soon find a better answer.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            ProxyError::Leaving(_) | ProxyError::Downstream(DownstreamError::Refused(Refusal::NoRoom))
        ) || self.upstream_fault() == Some(UpstreamFault::Full)
    }

    /// What the upstream did, if it is to blame.
    pub fn upstream_fault(&self) -> Option<UpstreamFault> {
        match self {
            ProxyError::Upstream(error) | ProxyError::Leaving(error) => Some(error.fault),
            ProxyError::Downstream(_) | ProxyError::Internal(_) => None,
        }
    }

    /// The request's body has no end.
    pub fn of_intake(error: IntakeError) -> ProxyError {
        match error {
            IntakeError::Refused(refusal) => refusal.into(),
            IntakeError::Broken(_) => DownstreamError::BodyCutShort.into(),
        }
    }

    /// The type of RFC 9209, section 2.3.
    fn kind(&self) -> &'static str {
        match self {
            ProxyError::Downstream(DownstreamError::NoRoute) => "destination_not_found",
            ProxyError::Downstream(DownstreamError::Refused(refusal)) => refusal.kind(),
            ProxyError::Downstream(_) => "http_request_error",
            ProxyError::Upstream(error) => error.fault.kind(),
            ProxyError::Leaving(_) => "destination_unavailable",
            ProxyError::Internal(_) => "proxy_internal_error",
        }
    }

    /// What whoever asks is told.
    pub fn detail(&self) -> &str {
        match self {
            ProxyError::Downstream(error) => error.detail(),
            ProxyError::Upstream(error) => error.fault.detail(),
            ProxyError::Leaving(_) => "this instance is being stopped, and its upstream is gone already",
            ProxyError::Internal(detail) => detail,
        }
    }
}

/// What the operator reads: the detail and every cause below it.
impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail())?;
        let (ProxyError::Upstream(error) | ProxyError::Leaving(error)) = self else { return Ok(()) };
        if let ProxyError::Leaving(_) = self {
            write!(f, ": {}", error.fault.detail())?;
        }
        let Some(cause) = &error.cause else { return Ok(()) };
        for cause in causes(cause.as_ref()) {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl From<DownstreamError> for ProxyError {
    fn from(error: DownstreamError) -> ProxyError {
        ProxyError::Downstream(error)
    }
}

impl From<Rejected> for ProxyError {
    fn from(rejected: Rejected) -> ProxyError {
        DownstreamError::RuleSet { detail: rejected.detail }.into()
    }
}

impl From<Refusal> for ProxyError {
    fn from(refusal: Refusal) -> ProxyError {
        DownstreamError::Refused(refusal).into()
    }
}

impl From<UpstreamFault> for ProxyError {
    fn from(fault: UpstreamFault) -> ProxyError {
        ProxyError::Upstream(UpstreamError { fault, cause: None })
    }
}

/// An exchange over HTTP/2.
impl From<h2::Error> for ProxyError {
    fn from(error: h2::Error) -> ProxyError {
        ProxyError::Upstream(UpstreamError {
            fault: UpstreamFault::of_stream(&error),
            cause: Some(error.into()),
        })
    }
}

/// A call sends the request's body too, so that its errors may be the downstream's.
impl From<CallError> for ProxyError {
    fn from(error: CallError) -> ProxyError {
        match error {
            CallError::Body(error) => DownstreamError::of_body(&error).into(),
            CallError::Upstream(fault, cause) => {
                ProxyError::Upstream(UpstreamError { fault, cause: cause.map(Into::into) })
            }
        }
    }
}

/// The upstream's body has no end, and nothing of it has been sent on.
impl From<DownloadError> for ProxyError {
    fn from(error: DownloadError) -> ProxyError {
        let fault = UpstreamFault::of_download(&error);
        let cause = match error {
            DownloadError::CutShort(cause) => Some(cause),
            DownloadError::Idle | DownloadError::Late | DownloadError::TooLarge => None,
        };
        ProxyError::Upstream(UpstreamError { fault, cause })
    }
}

impl ProxyError {
    /// TLS could not be begun with the upstream.
    pub fn no_tls(fault: UpstreamFault, cause: io::Error) -> ProxyError {
        ProxyError::Upstream(UpstreamError { fault, cause: Some(cause.into()) })
    }

    /// No connection to the upstream could be opened.
    pub fn not_connected(cause: Box<dyn StdError + Send + Sync>) -> ProxyError {
        let fault = UpstreamFault::of_connecting(cause.as_ref());
        ProxyError::Upstream(UpstreamError { fault, cause: Some(cause) })
    }
}

impl DownstreamError {
    /// Why the request's body has no end.
    fn of_body(error: &(dyn StdError + 'static)) -> DownstreamError {
        if let Some(IntakeError::Refused(refusal)) = causes(error).find_map(|cause| cause.downcast_ref()) {
            return DownstreamError::Refused(*refusal);
        }
        DownstreamError::BodyCutShort
    }

    fn status(&self) -> StatusCode {
        match self {
            DownstreamError::Host | DownstreamError::RuleSet { .. } | DownstreamError::BodyCutShort => {
                StatusCode::BAD_REQUEST
            }
            DownstreamError::Connect => StatusCode::NOT_IMPLEMENTED,
            DownstreamError::NoRoute => StatusCode::NOT_FOUND,
            DownstreamError::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            DownstreamError::Refused(refusal) => refusal.status(),
        }
    }

    fn detail(&self) -> &str {
        match self {
            DownstreamError::Host => "the request must name exactly one host",
            DownstreamError::Connect => "CONNECT is not supported",
            DownstreamError::NoRoute => NO_ROUTE,
            DownstreamError::Method { .. } => NO_METHOD,
            DownstreamError::RuleSet { detail } => detail,
            DownstreamError::BodyCutShort => "the request's body broke off",
            DownstreamError::Refused(refusal) => refusal.detail(),
        }
    }
}

impl UpstreamFault {
    /// Whether it speaks against the endpoint that did it. What may happen to any does not, nor do bounds that were set
    /// here.
    pub fn is_of_endpoint(self) -> bool {
        use UpstreamFault::{
            Full, GivenBack, HeadTooLarge, Lost, NoSocket, Switched, TooLarge, TransferCoding,
        };
        !matches!(
            self,
            Full | GivenBack | HeadTooLarge | Lost | NoSocket | Switched | TooLarge | TransferCoding
        )
    }

    /// What happened to an exchange on an HTTP/2 connection.
    fn of_stream(error: &h2::Error) -> UpstreamFault {
        if error.is_library() {
            // Found out on this side: the upstream broke the protocol.
            return UpstreamFault::NotHttp;
        }
        // A stream ends by GOAWAY only where that says that it came too late.
        let is_given_back = error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM);
        if is_given_back { UpstreamFault::GivenBack } else { UpstreamFault::Closed }
    }

    /// Why the body of an answer has no end.
    pub fn of_download(error: &DownloadError) -> UpstreamFault {
        match error {
            DownloadError::CutShort(_) => UpstreamFault::CutShort,
            DownloadError::Idle => UpstreamFault::Stalled,
            DownloadError::Late => UpstreamFault::Late,
            DownloadError::TooLarge => UpstreamFault::TooLarge,
        }
    }

    /// Whether an upstream that does so may have ended, or been taken from where it was.
    fn is_gone(self) -> bool {
        use UpstreamFault::{Closed, GivenBack, Lost, Name, Refused, Unreachable};
        matches!(self, Name | Refused | Unreachable | Closed | Lost | GivenBack)
    }

    fn of_connecting(error: &(dyn StdError + 'static)) -> UpstreamFault {
        // The connector's error type is public by its text alone.
        if causes(error).any(|cause| cause.to_string() == "dns error") {
            return UpstreamFault::Name;
        }
        let Some(error) = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>()) else {
            return UpstreamFault::Unreachable;
        };
        match error.kind() {
            // There is no such socket in the file system.
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => UpstreamFault::Refused,
            io::ErrorKind::TimedOut => UpstreamFault::ConnectTimeout,
            io::ErrorKind::AddrNotAvailable => UpstreamFault::NoSocket,
            // Taken and dropped, before it could be used.
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected => UpstreamFault::Closed,
            _ if matches!(error.raw_os_error(), Some(ENFILE | EMFILE)) => UpstreamFault::NoSocket,
            _ => UpstreamFault::Unreachable,
        }
    }

    fn status(self) -> StatusCode {
        match self {
            UpstreamFault::ConnectTimeout
            | UpstreamFault::Silent
            | UpstreamFault::Stalled
            | UpstreamFault::Late => StatusCode::GATEWAY_TIMEOUT,
            UpstreamFault::NoSocket | UpstreamFault::Full => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_GATEWAY,
        }
    }

    /// The type of RFC 9209, section 2.3.
    pub fn kind(self) -> &'static str {
        match self {
            UpstreamFault::Name => "dns_error",
            UpstreamFault::Refused => "connection_refused",
            UpstreamFault::Unreachable => "destination_ip_unroutable",
            UpstreamFault::ConnectTimeout => "connection_timeout",
            UpstreamFault::NoSocket | UpstreamFault::Full => "connection_limit_reached",
            UpstreamFault::TlsCertificate => "tls_certificate_error",
            UpstreamFault::TlsAlert => "tls_alert_received",
            UpstreamFault::TlsProtocol => "tls_protocol_error",
            UpstreamFault::Closed | UpstreamFault::Lost | UpstreamFault::GivenBack => "connection_terminated",
            UpstreamFault::NotHttp => "http_protocol_error",
            UpstreamFault::HeadTooLarge => "http_response_header_section_size",
            UpstreamFault::TransferCoding => "http_response_transfer_coding",
            UpstreamFault::Switched => "http_upgrade_failed",
            UpstreamFault::Silent | UpstreamFault::Stalled | UpstreamFault::Late => "http_response_timeout",
            UpstreamFault::CutShort => "http_response_incomplete",
            UpstreamFault::TooLarge => "http_response_body_size",
        }
    }

    fn detail(self) -> &'static str {
        match self {
            UpstreamFault::Name => "the upstream's name could not be resolved",
            UpstreamFault::Refused => "the upstream refused the connection",
            UpstreamFault::Unreachable => "the upstream could not be reached",
            UpstreamFault::ConnectTimeout => "the upstream did not take the connection in time",
            UpstreamFault::NoSocket => "no socket is left for a connection to the upstream",
            UpstreamFault::Full => "the upstream has as many requests as it may have",
            UpstreamFault::TlsCertificate => "the upstream's certificate is not valid",
            UpstreamFault::TlsAlert => "the upstream refused TLS",
            UpstreamFault::TlsProtocol => "the upstream's TLS is not understood",
            UpstreamFault::Closed | UpstreamFault::Lost => {
                "the upstream closed the connection without an answer"
            }
            UpstreamFault::GivenBack => "the upstream gave the request back",
            UpstreamFault::NotHttp => "the upstream's answer is not HTTP",
            UpstreamFault::HeadTooLarge => "the head of the upstream's answer is too large",
            UpstreamFault::TransferCoding => "the upstream's answer has an unknown transfer coding",
            UpstreamFault::Switched => "the upstream switched protocols unasked",
            UpstreamFault::Silent => "the upstream did not answer in time",
            UpstreamFault::CutShort => "the upstream's answer broke off",
            UpstreamFault::Stalled => "the upstream's answer stood still for too long",
            UpstreamFault::Late => "the upstream's answer took too long",
            UpstreamFault::TooLarge => "the upstream's answer is too large",
        }
    }
}

/// When a client may look for room again: connections come and go.
const RETRY_AFTER_SECONDS: &str = "1";

/// `errno` of a full file table, of the system and of the process; the same on Linux, macOS and the BSDs.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

/// The error and all that stand below it.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: impl Into<ProxyError>, status: u16, kind: &str) {
        let (head, body) = error.into().answer();
        assert_eq!(head.status, status);
        assert_eq!(head.headers[PROXY_STATUS], format!("candor; error={kind}"));
        assert_eq!(head.headers[header::CONTENT_LENGTH], body.len().to_string());
        assert_eq!(head.headers[header::CACHE_CONTROL], "no-store");
        let document: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(document["status"], status);
        assert!(document["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    }

    #[test]
    fn every_fault_has_its_status_and_rfc_9209_type() {
        check(DownstreamError::Host, 400, "http_request_error");
        check(DownstreamError::RuleSet { detail: "no".into() }, 400, "http_request_error");
        check(DownstreamError::BodyCutShort, 400, "http_request_error");
        check(DownstreamError::NoRoute, 404, "destination_not_found");
        check(DownstreamError::Method { allow: "GET".into() }, 405, "http_request_error");
        check(DownstreamError::Connect, 501, "http_request_error");
        check(UpstreamFault::Name, 502, "dns_error");
        check(UpstreamFault::Refused, 502, "connection_refused");
        check(UpstreamFault::Unreachable, 502, "destination_ip_unroutable");
        check(UpstreamFault::Closed, 502, "connection_terminated");
        check(UpstreamFault::Lost, 502, "connection_terminated");
        check(UpstreamFault::GivenBack, 502, "connection_terminated");
        check(UpstreamFault::NotHttp, 502, "http_protocol_error");
        check(UpstreamFault::Switched, 502, "http_upgrade_failed");
        check(UpstreamFault::CutShort, 502, "http_response_incomplete");
        check(UpstreamFault::NoSocket, 503, "connection_limit_reached");
        check(UpstreamFault::Full, 503, "connection_limit_reached");
        check(UpstreamFault::TlsCertificate, 502, "tls_certificate_error");
        check(UpstreamFault::TlsAlert, 502, "tls_alert_received");
        check(UpstreamFault::TlsProtocol, 502, "tls_protocol_error");
        check(UpstreamFault::ConnectTimeout, 504, "connection_timeout");
        check(UpstreamFault::Silent, 504, "http_response_timeout");
        check(UpstreamFault::Stalled, 504, "http_response_timeout");
        check(UpstreamFault::Late, 504, "http_response_timeout");
        check(UpstreamFault::TooLarge, 502, "http_response_body_size");
        check(UpstreamFault::HeadTooLarge, 502, "http_response_header_section_size");
        check(UpstreamFault::TransferCoding, 502, "http_response_transfer_coding");
        check(Refusal::Malformed("no"), 400, "http_request_error");
        check(Refusal::SlowHead, 408, "http_request_error");
        check(Refusal::SlowBody, 408, "http_request_error");
        check(Refusal::BodyTooLarge, 413, "http_request_error");
        check(Refusal::UriTooLong, 414, "http_request_error");
        check(Refusal::HeadTooLarge, 431, "http_request_error");
        check(Refusal::TooManyHeaders, 431, "http_request_error");
        check(Refusal::TransferCoding, 501, "http_request_error");
        check(Refusal::NoRoom, 503, "connection_limit_reached");
        check(Refusal::Version, 505, "http_request_error");
        check(ProxyError::Internal("no upstream"), 500, "proxy_internal_error");
    }

    #[test]
    fn while_draining_an_upstream_that_is_gone_is_no_bad_gateway() {
        let check_draining = |fault: UpstreamFault, status: u16, kind: &str| {
            let error = ProxyError::from(fault).while_draining();
            let retry_after = error.answer().0.headers.get(header::RETRY_AFTER).cloned();
            assert_eq!(retry_after.is_some(), status == 503, "{fault:?}");
            check(error, status, kind);
        };
        use UpstreamFault::*;
        for gone in [Name, Refused, Unreachable, Closed, Lost] {
            check_draining(gone, 503, "destination_unavailable");
        }
        check_draining(CutShort, 502, "http_response_incomplete");
        check_draining(TlsCertificate, 502, "tls_certificate_error");
        check_draining(Silent, 504, "http_response_timeout");
        let told = ProxyError::from(Refused).while_draining().to_string();
        assert!(told.ends_with("gone already: the upstream refused the connection"), "{told}");
    }

    #[test]
    fn a_refused_method_learns_the_allowed_ones() {
        let error = ProxyError::from(DownstreamError::Method { allow: "GET, PUT".into() });
        assert_eq!(error.answer().0.headers[header::ALLOW], "GET, PUT");
    }
}
