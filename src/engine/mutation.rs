//! What is to change on an answer, as data: status, header operations, body. Every door (proxy, `explain`,
//! `test`) applies it through [`Mutation::apply`], which keeps the framing headers true.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::exchange::AnswerHead;

/// The changes that a rule, an envelope or a failure makes to an answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mutation {
    /// The new status.
    pub status: Option<StatusCode>,
    /// The reason phrase on HTTP/1.1, visible ASCII.
    pub reason: Option<String>,
    /// Whether the answer must not be stored, nor renew or revalidate a stored one (RFC 9111): a success that has
    /// turned out to be an error. `headers` come after this.
    pub uncacheable: bool,
    /// Applied in order.
    pub headers: Vec<HeaderOp>,
    /// What becomes of the body.
    pub body: BodyChange,
}

/// One change to the headers.
#[derive(Debug, Clone, PartialEq)]
pub enum HeaderOp {
    /// Replaces all values of the name.
    Set(HeaderName, HeaderValue),
    /// Adds a value, keeping those that are there.
    Append(HeaderName, HeaderValue),
    /// Removes all values of the name.
    Remove(HeaderName),
}

/// The headers of an answer, wherever they are kept.
pub trait Headers {
    /// Replaces all values of the name.
    fn set(&mut self, name: HeaderName, value: HeaderValue);
    /// Adds a value, keeping those that are there.
    fn add(&mut self, name: HeaderName, value: HeaderValue);
    /// Removes all values of the name.
    fn take_off(&mut self, name: &HeaderName);
    /// All of them.
    fn all(&self) -> Cow<'_, HeaderMap>;
}

impl Headers for HeaderMap {
    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.insert(name, value);
    }

    fn add(&mut self, name: HeaderName, value: HeaderValue) {
        self.append(name, value);
    }

    fn take_off(&mut self, name: &HeaderName) {
        self.remove(name);
    }

    fn all(&self) -> Cow<'_, HeaderMap> {
        Cow::Borrowed(self)
    }
}

/// What becomes of the body.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum BodyChange {
    /// The upstream's bytes go out as they came.
    #[default]
    Keep,
    /// These bytes go out instead.
    Replace(Bytes),
}

/// Headers that describe the upstream's bytes and are untrue of any others (RFC 9110 section 8, RFC 9530).
const REPRESENTATION: [HeaderName; 7] = [
    header::CONTENT_ENCODING,
    header::CONTENT_RANGE,
    header::ACCEPT_RANGES,
    header::ETAG,
    header::LAST_MODIFIED,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
];
const DIGESTS: [HeaderName; 2] =
    [HeaderName::from_static("content-digest"), HeaderName::from_static("repr-digest")];

impl Mutation {
    /// Applies the changes to the head and says what body to send.
    ///
    /// Keeps framing true: a replaced body gets its own `Content-Length` and loses the headers that described the
    /// old bytes; 204, 205 and 304 get no body (RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5) and no type of one
    /// that was replaced. A HEAD answer keeps the length its GET would have, and has no body.
    pub fn apply(self, head: &mut AnswerHead, method: &Method) -> BodyChange {
        self.apply_to(&mut head.status, &mut head.headers, method)
    }

    /// The same on a head whose parts are kept elsewhere.
    pub fn apply_to(
        self,
        status: &mut StatusCode,
        headers: &mut impl Headers,
        method: &Method,
    ) -> BodyChange {
        *status = self.status.unwrap_or(*status);
        let mut body = self.body;
        let changed = self.status.is_some() || matches!(body, BodyChange::Replace(_));
        if changed && !allows_body(*status) {
            body = BodyChange::Replace(Bytes::new());
        }
        // The validators of an upstream's own 304 describe what the client has, and stay true.
        let described = self.status.is_some() || allows_body(*status);
        if let BodyChange::Replace(bytes) = &body
            && described
        {
            describe(headers, *status, bytes.len());
        }
        if self.uncacheable {
            forbid_storing(headers);
        }
        for operation in self.headers {
            operation.apply(headers);
        }
        if !allows_body(*status) {
            headers.take_off(&header::CONTENT_LENGTH);
            if matches!(body, BodyChange::Replace(_)) {
                headers.take_off(&header::CONTENT_TYPE);
            }
        }
        match body {
            BodyChange::Replace(_) if method == Method::HEAD => BodyChange::Replace(Bytes::new()),
            body => body,
        }
    }
}

fn describe(headers: &mut impl Headers, status: StatusCode, length: usize) {
    for name in REPRESENTATION.iter().chain(&DIGESTS).chain(&[header::TRANSFER_ENCODING, header::TRAILER]) {
        headers.take_off(name);
    }
    if allows_body(status) {
        headers.set(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
}

fn forbid_storing(headers: &mut impl Headers) {
    for name in [header::ETAG, header::LAST_MODIFIED, header::EXPIRES, header::AGE] {
        headers.take_off(&name);
    }
    headers.set(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// Whether an answer of this status can have a body.
pub fn allows_body(status: StatusCode) -> bool {
    !(status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED))
}

/// Whether a rule may never write this header: framing and connection headers belong to the proxy alone.
pub fn is_reserved(name: &HeaderName) -> bool {
    const RESERVED: [HeaderName; 6] = [
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
        header::UPGRADE,
        header::TRAILER,
        header::TE,
    ];
    RESERVED.contains(name)
}

impl HeaderOp {
    fn apply(self, headers: &mut impl Headers) {
        match self {
            HeaderOp::Set(name, value) => headers.set(name, value),
            HeaderOp::Append(name, value) => headers.add(name, value),
            HeaderOp::Remove(name) => headers.take_off(&name),
        }
    }
}
