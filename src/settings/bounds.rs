//! How long Candor waits, and how much it takes, on either side of an exchange.
//! Every bound can be given as `off` where Candor can do without it.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::Node;

use super::section::{Section, patience};

/// How long clients are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerTimeouts {
    /// From a connection to the end of what comes before HTTP: a header of the PROXY protocol, and TLS; 10 s unless
    /// set.
    pub handshake: Duration,
    /// From the first byte of a request's head to its last; 15 s unless set.
    pub request_head: Duration,
    /// Between two pieces of a request's body; 30 s unless set.
    pub request_body_idle: Duration,
    /// Between two pieces of an answer that the client takes; 60 s unless set.
    pub answer_idle: Duration,
    /// Between two requests on a connection, and before the first; 75 s unless set, which is more than load
    /// balancers keep theirs.
    pub keep_alive: Duration,
}

/// How much clients may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerLimits {
    /// Bytes of a request's head, request line and headers; 64 KiB unless set.
    pub header_bytes: usize,
    /// Header lines of a request; 100 unless set.
    pub headers: usize,
    /// Bytes of a request's target; 16 KiB unless set.
    pub uri_bytes: usize,
    /// Bytes of a request's body; `None` unless set.
    pub request_body_bytes: Option<u64>,
    /// Connections at one time; 20,000 unless set.
    pub connections: usize,
    /// Requests on one connection before it is closed; `None` unless set.
    pub requests_per_connection: Option<u64>,
}

/// How long an upstream is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection stands; 2 s unless set.
    pub connect: Duration,
    /// From the request to the head of the answer; 29 s unless set, which is API Gateway's.
    pub response: Duration,
    /// Between two pieces of the answer's body; 60 s unless set. Answers that are silent by design, such as
    /// `text/event-stream`, are not subject to it.
    pub body_idle: Option<Duration>,
    /// From the request to the end of the answer; `None` unless set.
    pub total: Option<Duration>,
}

/// How much an upstream may send, and how much is asked of it at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an answer's head, status line and headers; 64 KiB unless set.
    pub response_header_bytes: usize,
    /// Bytes of an answer's body; `None` unless set.
    pub response_body_bytes: Option<u64>,
    /// Connections to it at one time, those of all workers together; `None` unless set.
    pub connections: Option<usize>,
    /// Requests under way at one time, those of all workers together; `None` unless set.
    pub requests: Option<usize>,
    /// Requests that may wait for one of these connections, or until one of these requests is over; 100 unless set.
    pub pending: usize,
    /// How long they wait at most; 1 s unless set.
    pub pending_time: Duration,
}

impl Default for ServerTimeouts {
    fn default() -> ServerTimeouts {
        ServerTimeouts {
            handshake: Duration::from_secs(10),
            request_head: Duration::from_secs(15),
            request_body_idle: Duration::from_secs(30),
            answer_idle: Duration::from_secs(60),
            keep_alive: Duration::from_secs(75),
        }
    }
}

impl Default for ServerLimits {
    fn default() -> ServerLimits {
        ServerLimits {
            header_bytes: 64 << 10,
            headers: 100,
            uri_bytes: 16 << 10,
            request_body_bytes: None,
            connections: 20_000,
            requests_per_connection: None,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            connect: Duration::from_secs(2),
            response: Duration::from_secs(29),
            body_idle: Some(Duration::from_secs(60)),
            total: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            response_header_bytes: 64 << 10,
            response_body_bytes: None,
            connections: None,
            requests: None,
            pending: 100,
            pending_time: Duration::from_secs(1),
        }
    }
}

impl ServerTimeouts {
    pub(super) fn read(server: Section<'_>, diagnostics: &mut Diagnostics) -> ServerTimeouts {
        let default = ServerTimeouts::default();
        let keys = ["handshake", "request_head", "request_body_idle", "answer_idle", "keep_alive"];
        let section = server.section("timeouts", &keys, diagnostics);
        let mut time =
            |key: &str, default: Duration| section.read(key, patience, diagnostics).unwrap_or(default);
        ServerTimeouts {
            handshake: time("handshake", default.handshake),
            request_head: time("request_head", default.request_head),
            request_body_idle: time("request_body_idle", default.request_body_idle),
            answer_idle: time("answer_idle", default.answer_idle),
            keep_alive: time("keep_alive", default.keep_alive),
        }
    }
}

impl ServerLimits {
    /// What a head may be at most: the HTTP library's own buffer takes no more than 400 KiB.
    const HEADER_BYTES: RangeInclusive<u64> = 1024..=256 << 10;
    /// The most header lines that can be asked for.
    pub const HEADERS_MAX: usize = 256;
    /// What a URI may be at most: the `http` crate takes none of 64 KiB.
    const URI_BYTES: RangeInclusive<u64> = 64..=65_000;

    pub(super) fn read(server: Section<'_>, diagnostics: &mut Diagnostics) -> ServerLimits {
        let default = ServerLimits::default();
        let keys = [
            "header_bytes",
            "headers",
            "uri_bytes",
            "request_body_bytes",
            "connections",
            "requests_per_connection",
        ];
        let section = server.section("limits", &keys, diagnostics);
        let headers = 1..=ServerLimits::HEADERS_MAX as u64;
        let mut count = |key: &str, range: RangeInclusive<u64>, size: bool, default: usize| {
            let read = |node: &Node, found: &mut Diagnostics| within(key, node, range, size, found);
            let count = section.read(key, read, diagnostics);
            count.and_then(|count| usize::try_from(count).ok()).unwrap_or(default)
        };
        ServerLimits {
            header_bytes: count("header_bytes", ServerLimits::HEADER_BYTES, true, default.header_bytes),
            headers: count("headers", headers, false, default.headers),
            uri_bytes: count("uri_bytes", ServerLimits::URI_BYTES, true, default.uri_bytes),
            connections: count("connections", 1..=u64::from(u32::MAX), false, default.connections),
            request_body_bytes: section.read_or_off("request_body_bytes", None, Node::bytes, diagnostics),
            requests_per_connection: section.read_or_off(
                "requests_per_connection",
                None,
                |node, found| node.integer("`requests_per_connection`", 1..=u64::MAX, found),
                diagnostics,
            ),
        }
    }
}

impl Timeouts {
    pub(super) fn read(upstream: Section<'_>, diagnostics: &mut Diagnostics) -> Timeouts {
        let default = Timeouts::default();
        let keys = ["connect", "response", "body_idle", "total"];
        let section = upstream.section("timeouts", &keys, diagnostics);
        Timeouts {
            connect: section.read("connect", patience, diagnostics).unwrap_or(default.connect),
            response: section.read("response", patience, diagnostics).unwrap_or(default.response),
            body_idle: section.read_or_off("body_idle", default.body_idle, patience, diagnostics),
            total: section.read_or_off("total", default.total, patience, diagnostics),
        }
    }
}

impl Limits {
    /// What a head may be at most: the HTTP library reads no less at once than the one, and so much of the
    /// worker's time goes into one turn as the other takes.
    const HEADER_BYTES: RangeInclusive<u64> = 8192..=1 << 20;

    pub(super) fn read(upstream: Section<'_>, diagnostics: &mut Diagnostics) -> Limits {
        let default = Limits::default();
        let keys = [
            "response_header_bytes",
            "response_body_bytes",
            "connections",
            "requests",
            "pending",
            "pending_time",
        ];
        let section = upstream.section("limits", &keys, diagnostics);
        let head = section.read(
            "response_header_bytes",
            |node, found| within("response_header_bytes", node, Limits::HEADER_BYTES, true, found),
            diagnostics,
        );
        let head = head.and_then(|bytes| usize::try_from(bytes).ok());
        let count = |key: &'static str, min: u64| {
            move |node: &Node, found: &mut Diagnostics| within(key, node, min..=1_000_000, false, found)
        };
        let connections = section.read_or_off("connections", None, count("connections", 1), diagnostics);
        let requests = section.read_or_off("requests", None, count("requests", 1), diagnostics);
        if connections.is_none() && requests.is_none() {
            for node in ["pending", "pending_time"].into_iter().filter_map(|key| section.given(key)) {
                let wrong = Diagnostic::error("a bound on waiting where nothing is bounded");
                diagnostics.push(wrong.at(&node.place).help("give `connections` or `requests`, too"));
            }
        }
        let pending = section.read("pending", count("pending", 0), diagnostics);
        let size = |count: u64| usize::try_from(count).ok();
        Limits {
            response_header_bytes: head.unwrap_or(default.response_header_bytes),
            response_body_bytes: section.read_or_off("response_body_bytes", None, Node::bytes, diagnostics),
            connections: connections.and_then(size),
            requests: requests.and_then(size),
            pending: pending.and_then(size).unwrap_or(default.pending),
            pending_time: section.read("pending_time", patience, diagnostics).unwrap_or(default.pending_time),
        }
    }
}

/// A size or a count within a range.
fn within(
    key: &str,
    node: &Node,
    range: RangeInclusive<u64>,
    size: bool,
    diagnostics: &mut Diagnostics,
) -> Option<u64> {
    if !size {
        return node.integer(&format!("`{key}`"), range, diagnostics);
    }
    let bytes = node.bytes(diagnostics)?;
    if !range.contains(&bytes) {
        let message = format!("`{key}` must be {} to {} bytes, not {bytes}", range.start(), range.end());
        diagnostics.error(&node.place, message);
        return None;
    }
    Some(bytes)
}
