//! An answer's head as Envoy has it: what rules may ask of it is copied, and what they change is changed in place.

use std::borrow::Cow;

use candor::engine::AnswerHead;
use candor::engine::mutation::Headers;
use candor::proxy::{Marks, Names};
use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::abi::{Head, Stream};

/// The status and these of the headers, and which there are; `None` for a head without a status.
pub fn read(stream: &Stream<'_>, names: &Names) -> Option<(AnswerHead, Marks)> {
    let (mut status, mut headers, mut present) = (None, HeaderMap::new(), Marks::default());
    stream.headers(Head::Response, |name, value| match name {
        b":status" => status = StatusCode::from_bytes(value).ok(),
        // What most say of the connection names no header, and would only be taken off.
        b"connection" if value == b"keep-alive" || value == b"close" => {}
        name => {
            present.insert(name);
            append(&mut headers, names.named(name), || HeaderValue::from_bytes(value).ok());
        }
    });
    Some((AnswerHead { status: status?, headers }, present))
}

/// Adds a header that is wanted. Envoy has refused what is none.
pub fn append(
    headers: &mut HeaderMap,
    name: Option<HeaderName>,
    value: impl FnOnce() -> Option<HeaderValue>,
) {
    if let Some(name) = name
        && let Some(value) = value()
    {
        headers.append(name, value);
    }
}

/// The headers of an answer where Envoy has them.
pub struct InPlace<'h, 's> {
    stream: &'h mut Stream<'s>,
    present: Marks,
}

impl<'h, 's> InPlace<'h, 's> {
    /// Those of the answer that this hook is about, of which these are there.
    pub fn new(stream: &'h mut Stream<'s>, present: Marks) -> InPlace<'h, 's> {
        InPlace { stream, present }
    }
}

impl Headers for InPlace<'_, '_> {
    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        let name = name.as_str().as_bytes();
        self.present.insert(name);
        self.stream.set_header(Head::Response, name, value.as_bytes());
    }

    fn add(&mut self, name: HeaderName, value: HeaderValue) {
        let name = name.as_str().as_bytes();
        self.present.insert(name);
        self.stream.add_header(Head::Response, name, value.as_bytes());
    }

    fn take_off(&mut self, name: &HeaderName) {
        let name = name.as_str().as_bytes();
        // To be asked for a header that is not there has Envoy make a table of all, which costs more than all the rest
        // that is done about a head.
        if self.present.may_be_of(name) {
            self.stream.remove_header(Head::Response, name);
        }
    }

    fn all(&self) -> Cow<'_, HeaderMap> {
        Cow::Owned(read(self.stream, &Names::All).map(|(head, _)| head.headers).unwrap_or_default())
    }
}
