//! Interim answers (RFC 9110, section 15.2): what an upstream says before the answer that counts. A proxy passes them
//! on; rules do not see them.

use std::cell::RefCell;

use http::StatusCode;
use http::header::HeaderMap;

use super::headers::strip_answer;
use super::http1::Session;
use super::http2::Responder;

/// Interim answers to a request that are passed on. A flood of them has no use.
pub(super) const INTERIMS_MAX: u32 = 32;

/// Where those to a request go.
#[derive(Clone, Copy)]
pub(super) enum Interims<'c> {
    /// To this connection.
    Http1(&'c RefCell<Session>),
    /// To this stream of one.
    Http2(&'c Responder),
}

impl Interims<'_> {
    /// Passes one on.
    pub fn pass_on(self, status: StatusCode, mut headers: HeaderMap) {
        strip_answer(&mut headers);
        match self {
            Interims::Http1(session) => session.borrow_mut().interim(status, &headers),
            Interims::Http2(responder) => responder.interim(status, headers),
        }
    }
}
