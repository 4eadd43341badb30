//! The value of a header, out of the head it stands in.

use bytes::Bytes;
use http::HeaderValue;
use http::header::InvalidHeaderValue;

/// The value that stands at `value` in `head`.
///
/// # Errors
/// When it has bytes that no value may have.
pub(super) fn of(head: &Bytes, value: &[u8]) -> Result<HeaderValue, InvalidHeaderValue> {
    match frequent(value) {
        Some(frequent) => Ok(frequent),
        None => HeaderValue::from_maybe_shared(head.slice_ref(value)),
    }
}

/// Values that many messages have: of these no use of the head's bytes needs to be counted.
fn frequent(value: &[u8]) -> Option<HeaderValue> {
    const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");
    const BYTES: HeaderValue = HeaderValue::from_static("bytes");
    const KEEP_ALIVE: HeaderValue = HeaderValue::from_static("keep-alive");
    const CHUNKED: HeaderValue = HeaderValue::from_static("chunked");
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    Some(match value {
        b"*/*" => ANYTHING,
        b"bytes" => BYTES,
        b"keep-alive" => KEEP_ALIVE,
        b"chunked" => CHUNKED,
        b"application/json" => JSON,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_the_head() {
        let check = |value: &[u8], valid: bool| {
            let head = Bytes::copy_from_slice(value);
            assert_eq!(of(&head, &head).ok(), valid.then(|| HeaderValue::from_bytes(value).unwrap()));
        };
        for value in ["", "*/*", "bytes", "keep-alive", "chunked", "application/json", "application/xml"] {
            check(value.as_bytes(), true);
        }
        check("gr\u{fc}n".as_bytes(), true);
        check(b"a\nb", false);
        check(b"\0", false);
    }
}
