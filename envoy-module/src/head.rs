//! An answer's head as Envoy has it, and what is to be changed there.

use std::ops::Range;

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

struct Line {
    name: HeaderName,
    /// Where its value stands.
    place: Range<usize>,
}

impl Received {
    /// The head, and the same for rules to work on; `None` for one without a status.
    pub fn of(stream: &Stream<'_>) -> Option<(Received, AnswerHead)> {
        let (mut status, mut bytes, mut lines) = (None, BytesMut::with_capacity(512), Vec::with_capacity(16));
        stream.headers(Head::Response, |name, value| match name {
            b":status" => status = StatusCode::from_bytes(value).ok(),
            name => {
                let place = bytes.len()..bytes.len() + value.len();
                // Envoy has refused what is no header.
                if let Ok(name) = HeaderName::from_bytes(name) {
                    bytes.extend_from_slice(value);
                    lines.push(Line { name, place });
                }
            }
        });
        let (status, bytes) = (status?, bytes.freeze());
        let mut headers = HeaderMap::with_capacity(16);
        for Line { name, place } in &lines {
            if let Ok(value) = HeaderValue::from_maybe_shared(bytes.slice(place.clone())) {
                headers.append(name, value);
            }
        }
        Some((Received { status, bytes, lines }, AnswerHead { status, headers }))
    }

    /// Forgets the lines that are not in these headers: they are Envoy's to keep or not.
    pub fn keep(&mut self, headers: &HeaderMap) {
        if self.lines.len() != headers.len() {
            self.lines.retain(|line| headers.keys().any(|kept| *kept == line.name));
        }
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
        let mut left: Vec<&Line> = self.lines.iter().collect();
        if to.headers.len() == to.headers.keys_len() {
            // No value need be looked for by its name.
            for (name, value) in &to.headers {
                match left.iter().position(|line| self.has(line, value) && line.name == *name) {
                    Some(at) => drop(left.swap_remove(at)),
                    None => self.set(stream, name, &[value]),
                }
            }
        } else {
            for name in to.headers.keys() {
                self.set(stream, name, &to.headers.get_all(name).iter().collect::<Vec<_>>());
            }
        }
        for line in left {
            if !to.headers.contains_key(&line.name) {
                stream.remove_header(Head::Response, line.name.as_str().as_bytes());
            }
        }
    }

    /// Whether the value is the line's own, at its very place in memory: no other is, and few need be compared.
    fn has(&self, line: &Line, value: &HeaderValue) -> bool {
        std::ptr::eq(self.value(line), value.as_bytes())
    }

    /// Gives Envoy these values of a header, unless it has them.
    fn set(&self, stream: &mut Stream<'_>, name: &HeaderName, values: &[&HeaderValue]) {
        let lines = self.lines.iter().filter(|line| line.name == *name);
        if lines.map(|line| self.value(line)).eq(values.iter().map(|value| value.as_bytes())) {
            return;
        }
        for (index, value) in values.iter().enumerate() {
            match index {
                0 => stream.set_header(Head::Response, name.as_str().as_bytes(), value.as_bytes()),
                _ => stream.add_header(Head::Response, name.as_str().as_bytes(), value.as_bytes()),
            }
        }
    }

    fn value(&self, line: &Line) -> &[u8] {
        self.bytes.get(line.place.clone()).unwrap_or_default()
    }
}

/// Names that begin with a colon are Envoy's own, and headers that are none were refused by it.
pub fn append(headers: &mut HeaderMap, name: &[u8], value: Bytes) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_maybe_shared(value)) {
        headers.append(name, value);
    }
}
