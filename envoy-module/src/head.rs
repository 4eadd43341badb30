//! An answer's head as Envoy has it, and what is to be changed there.

use bytes::{Bytes, BytesMut};
use candor::engine::AnswerHead;
use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::abi::{Head, Stream};

/// What Envoy has, in one piece of memory that the values rules work on share.
pub struct Received {
    status: StatusCode,
    bytes: Bytes,
    lines: Vec<Line>,
}

/// Where a name ends, and its value.
#[derive(Debug, Clone, Copy)]
struct Line {
    begin: usize,
    middle: usize,
    end: usize,
}

impl Received {
    /// The head, and the same for rules to work on; `None` for one without a status.
    pub fn of(stream: &Stream<'_>) -> Option<(Received, AnswerHead)> {
        let (mut status, mut bytes, mut lines) =
            (None, BytesMut::with_capacity(1024), Vec::with_capacity(16));
        stream.headers(Head::Response, |name, value| {
            if name == b":status" {
                status = StatusCode::from_bytes(value).ok();
                return;
            }
            let begin = bytes.len();
            bytes.extend_from_slice(name);
            let middle = bytes.len();
            bytes.extend_from_slice(value);
            lines.push(Line { begin, middle, end: bytes.len() });
        });
        let (status, bytes) = (status?, bytes.freeze());
        let mut headers = HeaderMap::with_capacity(lines.len() + 4);
        for Line { begin, middle, end } in &lines {
            let name = bytes.get(*begin..*middle).unwrap_or_default();
            append(&mut headers, name, bytes.slice(*middle..*end));
        }
        Some((Received { status, bytes, lines }, AnswerHead { status, headers }))
    }

    /// Forgets the lines that are not in these headers: they are Envoy's to keep or not.
    pub fn keep(&mut self, headers: &HeaderMap) {
        if self.lines.len() == headers.len() {
            return;
        }
        let bytes = &self.bytes;
        self.lines.retain(|line| headers.contains_key(line.name(bytes)));
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Makes Envoy's head this one.
    pub fn carry_over(&self, stream: &mut Stream<'_>, to: &AnswerHead) {
        if self.status != to.status {
            stream.set_header(Head::Response, b":status", to.status.as_str().as_bytes());
        }
        for name in to.headers.keys() {
            let values = || to.headers.get_all(name).iter().map(HeaderValue::as_bytes);
            if self.values(name.as_str()).eq(values()) {
                continue;
            }
            let name = name.as_str().as_bytes();
            for (index, value) in values().enumerate() {
                match index {
                    0 => stream.set_header(Head::Response, name, value),
                    _ => stream.add_header(Head::Response, name, value),
                }
            }
        }
        for line in &self.lines {
            let name = line.name(&self.bytes);
            if !to.headers.contains_key(name) {
                stream.remove_header(Head::Response, name.as_bytes());
            }
        }
    }

    fn values<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r [u8]> {
        let same = move |line: &&Line| line.name(&self.bytes) == name;
        self.lines.iter().filter(same).map(|line| self.bytes.get(line.middle..line.end).unwrap_or_default())
    }
}

impl Line {
    /// In lower case; of a name that is no text, as Envoy has none, nothing.
    fn name(self, bytes: &Bytes) -> &str {
        let name = bytes.get(self.begin..self.middle).unwrap_or_default();
        std::str::from_utf8(name).unwrap_or_default()
    }
}

/// Names that begin with a colon are Envoy's own, and headers that are none were refused by it.
pub fn append(headers: &mut HeaderMap, name: &[u8], value: Bytes) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_maybe_shared(value)) {
        headers.append(name, value);
    }
}
