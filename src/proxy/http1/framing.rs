//! How the body of a message ends on the wire (RFC 9112, section 6.3).

use http::Method;
use http::StatusCode;

/// The end of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Framing {
    /// After so many bytes, which may be none.
    Length(u64),
    /// After the last chunk.
    Chunked,
    /// With the connection.
    Close,
}

/// Whether an answer of this status to this method ends with its head, whatever its headers say.
pub(in crate::proxy) fn ends_with_head(method: &Method, status: StatusCode) -> bool {
    method == Method::HEAD
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || (method == Method::CONNECT && status.is_success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_answers_have_no_body() {
        let check = |method: Method, status: u16, expected: bool| {
            assert_eq!(ends_with_head(&method, StatusCode::from_u16(status).unwrap()), expected);
        };
        check(Method::GET, 200, false);
        check(Method::GET, 205, false);
        check(Method::GET, 204, true);
        check(Method::GET, 304, true);
        check(Method::GET, 103, true);
        check(Method::HEAD, 200, true);
        check(Method::CONNECT, 200, true);
        check(Method::CONNECT, 400, false);
    }
}
