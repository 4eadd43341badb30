//! An answer's head as Envoy has it: what rules may ask of it is copied, and what they change is changed in place.

use std::borrow::Cow;

use candor::engine::AnswerHead;
use candor::engine::mutation::Headers;
use candor::proxy::Names;
use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::abi::{Head, Stream};

/// The status and these of the headers, and which there are; `None` for a head without a status.
pub fn read(stream: &Stream<'_>, names: &Names) -> Option<(AnswerHead, Present)> {
    let (mut status, mut headers, mut present) = (None, HeaderMap::new(), Present::default());
    stream.headers(Head::Response, |name, value| match name {
        b":status" => status = StatusCode::from_bytes(value).ok(),
        name => {
            present.insert(name);
            append(&mut headers, names.named(name), value);
        }
    });
    Some((AnswerHead { status: status?, headers }, present))
}

/// Adds a header that is wanted. Envoy has refused what is none.
pub fn append(headers: &mut HeaderMap, name: Option<HeaderName>, value: &[u8]) {
    if let Some(name) = name
        && let Ok(value) = HeaderValue::from_bytes(value)
    {
        headers.append(name, value);
    }
}

/// Which headers there are: one that is may be told from most that are not. To ask Envoy for one that is not there has
/// it make a table of all, which costs more than all the rest that is done about a head.
#[derive(Debug, Clone, Copy, Default)]
pub struct Present(u128);

impl Present {
    fn insert(&mut self, name: &[u8]) {
        self.0 |= Present::bit(name);
    }

    fn may_have(self, name: &[u8]) -> bool {
        self.0 & Present::bit(name) != 0
    }

    /// What names are told apart by: their length, their first and their last letter.
    fn bit(name: &[u8]) -> u128 {
        let letter = |letter: Option<&u8>| u32::from(letter.copied().unwrap_or_default());
        let length = u32::try_from(name.len()).unwrap_or_default();
        let sum = length.wrapping_mul(9) + letter(name.first()).wrapping_mul(45) + letter(name.last());
        1 << (sum % u128::BITS)
    }
}

/// The headers of an answer where Envoy has them.
pub struct InPlace<'h, 's> {
    stream: &'h mut Stream<'s>,
    present: Present,
}

impl<'h, 's> InPlace<'h, 's> {
    /// Those of the answer that this hook is about, of which these are there.
    pub fn new(stream: &'h mut Stream<'s>, present: Present) -> InPlace<'h, 's> {
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
        if self.present.may_have(name) {
            self.stream.remove_header(Head::Response, name);
        }
    }

    fn all(&self) -> Cow<'_, HeaderMap> {
        Cow::Owned(read(self.stream, &Names::All).map(|(head, _)| head.headers).unwrap_or_default())
    }
}
