//! An answer's head as Envoy has it, and what is to be changed there.

use bytes::{Bytes, BytesMut};
use candor::engine::AnswerHead;
use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::abi::{Head, Stream};

/// What Envoy has, in one piece of memory that the values rules work on share.
pub struct Received {
    status: StatusCode,
    lines: Vec<(HeaderName, Bytes)>,
}

impl Received {
    /// The head, and the same for rules to work on; `None` for one without a status.
    pub fn of(stream: &Stream<'_>) -> Option<(Received, AnswerHead)> {
        let (mut status, mut bytes, mut names) = (None, BytesMut::with_capacity(512), Vec::with_capacity(16));
        stream.headers(Head::Response, |name, value| match name {
            b":status" => status = StatusCode::from_bytes(value).ok(),
            name => {
                bytes.extend_from_slice(value);
                names.push((HeaderName::from_bytes(name), value.len()));
            }
        });
        let (status, mut bytes) = (status?, bytes.freeze());
        let mut headers = HeaderMap::with_capacity(16);
        let mut lines = Vec::with_capacity(names.len());
        for (name, length) in names {
            let line = bytes.split_to(length);
            // Envoy has refused what is no header.
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_maybe_shared(line.clone())) {
                headers.append(&name, value);
                lines.push((name, line));
            }
        }
        Some((Received { status, lines }, AnswerHead { status, headers }))
    }

    /// Forgets the lines that are not in these headers: they are Envoy's to keep or not.
    pub fn keep(&mut self, headers: &HeaderMap) {
        if self.lines.len() != headers.len() {
            self.lines.retain(|(name, _)| headers.keys().any(|kept| kept == name));
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
        if to.headers.len() != to.headers.keys_len() {
            to.headers.keys().for_each(|name| self.set_list(stream, name, to));
        } else {
            // No value need be looked for by its name.
            let changed = to.headers.iter().filter(|(name, value)| !self.values(name).eq([value.as_bytes()]));
            changed.for_each(|(name, value)| {
                stream.set_header(Head::Response, name.as_str().as_bytes(), value.as_bytes());
            });
        }
        for (name, _) in &self.lines {
            if !to.headers.keys().any(|kept| kept == name) {
                stream.remove_header(Head::Response, name.as_str().as_bytes());
            }
        }
    }

    fn set_list(&self, stream: &mut Stream<'_>, name: &HeaderName, to: &AnswerHead) {
        let values = || to.headers.get_all(name).iter().map(HeaderValue::as_bytes);
        if self.values(name).eq(values()) {
            return;
        }
        for (index, value) in values().enumerate() {
            match index {
                0 => stream.set_header(Head::Response, name.as_str().as_bytes(), value),
                _ => stream.add_header(Head::Response, name.as_str().as_bytes(), value),
            }
        }
    }

    fn values<'r>(&'r self, wanted: &'r HeaderName) -> impl Iterator<Item = &'r [u8]> {
        self.lines.iter().filter(move |(name, _)| name == wanted).map(|(_, value)| &value[..])
    }
}

/// Names that begin with a colon are Envoy's own, and headers that are none were refused by it.
pub fn append(headers: &mut HeaderMap, name: &[u8], value: Bytes) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_maybe_shared(value)) {
        headers.append(name, value);
    }
}
